"""A training stops once validation no longer improves, and keeps its best epoch's weights."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_trials import (
    assert_same_results,
    batches,
    dataset,
    epochs_of,
    results,
    train,
    trial,
)

from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.early_stop import is_over, kept_epoch
from moe_search.engine.resident import Resident, Tensors
from moe_search.engine.trial import EpochReport, Report, TrialResult, TrialSpec
from moe_search.spec import Configuration, Data, Training

pytestmark = pytest.mark.usefixtures("one_thread")

EPOCHS = 9


def judged(*accuracies: float, losses: Sequence[float] | None = None) -> list[EpochReport]:
    each = zip(accuracies, losses or [1.0] * len(accuracies), strict=True)
    return [
        EpochReport(0, epoch, {"accuracy": accuracy, "loss": loss}, 1.0, np.ones(1))
        for epoch, (accuracy, loss) in enumerate(each, start=1)
    ]


def configuration(**training: Any) -> Configuration:
    return Configuration(training=Training.model_validate({"epochs": EPOCHS, **training}))


@pytest.mark.parametrize(
    ("accuracies", "kept", "over"),
    [
        ((0.5,), 1, False),
        ((0.5, 0.4), 1, False),
        ((0.5, 0.4, 0.5), 1, True),
        ((0.5, 0.4, 0.6), 3, False),
        ((0.5, 0.4, 0.6, 0.6, 0.6), 3, True),
        (tuple(0.5 + 0.01 * n for n in range(EPOCHS)), EPOCHS, True),
    ],
)
def test_it_is_over_where_accuracy_has_not_risen_for_two_epochs(
    accuracies: Sequence[float], kept: int, over: bool
) -> None:
    assert kept_epoch(configuration(early_stop=2), judged(*accuracies)) == kept
    assert is_over(configuration(early_stop=2), judged(*accuracies)) is over
    assert kept_epoch(configuration(), judged(*accuracies)) == len(accuracies)
    assert is_over(configuration(), judged(*accuracies)) is (len(accuracies) == EPOCHS)


def test_of_epochs_of_equal_accuracy_the_one_of_least_loss_is_the_best() -> None:
    history = judged(0.5, 0.5, 0.5, 0.4, 0.5, losses=[2.0, 1.8, 1.5, 0.1, 1.6])
    assert [kept_epoch(configuration(early_stop=2), history[:n]) for n in range(1, 6)] == [
        *(1, 2, 3, 3, 3)
    ]
    over = [is_over(configuration(early_stop=2), history[:n]) for n in range(1, 6)]
    assert over == [False, False, False, False, True]


def test_only_the_last_stage_can_stop() -> None:
    retrained = configuration(epochs=3, early_stop=2, retrain_experts="same")
    assert not is_over(retrained, judged(0.9, 0.1, 0.1))
    assert kept_epoch(retrained, judged(0.9, 0.1, 0.1, 0.3, 0.2)) == 4
    assert is_over(retrained, judged(0.9, 0.1, 0.1, 0.3, 0.2, 0.2))
    assert not is_over(retrained, [])


def noisy() -> Resident:
    """Data whose validation accuracy falls again soon: its labels are half wrong."""
    data = dataset(train=40)
    (_, y), *_ = batches(1, 40, seed=5)
    mixed = np.where(np.arange(40) % 2, data.train.y, y)
    return replace(data, train=Tensors(data.train.x, data.train.y.new_tensor(mixed)))


def specs(*waits: int) -> list[TrialSpec]:
    return [
        trial(
            key,
            experts=2 + key,
            temperature=2.0,
            temperature_schedule="decay",
            temperature_decay=0.5,
            training=Training(epochs=EPOCHS, batch_size=8, lr=0.006 * (1 + key), early_stop=wait),
        )
        for key, wait in enumerate(waits)
    ]


@cache
def whole() -> list[Report]:
    """Two that stop, and one between them that does not."""
    return train(specs(2, 0, 3), noisy(), test=True)


def test_a_stopped_training_is_that_of_as_many_epochs_as_are_kept() -> None:
    """Also its temperature, the other splits, and those who train beside it."""
    data, given, reports = noisy(), specs(2, 0, 3), whole()
    found = results(reports)
    for key in (0, 2):
        trained, kept = epochs_of(reports, key), len(found[key].history)
        assert kept < trained[-1] < EPOCHS, "it stops, and not at its best epoch"
        assert found[key].complete
        best = [report.metrics["accuracy"] for report in found[key].history]
        assert max(best) == best[-1]
        shorter = {"epochs": kept, "early_stop": 0}
        configuration = given[key].configuration
        plain = configuration.model_copy(
            update={"training": configuration.training.model_copy(update=shorter)}
        )
        expected = results(train([replace(given[key], configuration=plain)], data, test=True))[key]
        assert_same_results(found[key], expected)
        assert found[key].temperature == expected.temperature
        for split in ("training", "test"):
            ours, theirs = getattr(found[key], split), getattr(expected, split)
            assert ours.metrics() == theirs.metrics()
    assert len(found[1].history) == EPOCHS


@pytest.mark.parametrize("epochs", [2, 6])
def test_it_goes_on_from_a_checkpoint_in_every_bit(tmp_path: Path, epochs: int) -> None:
    data, given = noisy(), specs(2, 0, 3)
    checkpoints, begun = Checkpoints(tmp_path, Data(name="digits"), after=0.0), count(1)

    def kill(reports: list[Report]) -> Collection[int]:
        if next(begun) == epochs:
            raise InterruptedError
        return ()

    with pytest.raises(InterruptedError):
        train(given, data, drop=kill, checkpoints=checkpoints)
    found: dict[int, TrialResult] = {}
    for group in checkpoints.by_epoch(given):
        found |= results(train(group.specs, data, resumed=group.checkpoints))
    for key, expected in results(whole()).items():
        assert_same_results(found[key], expected)


def test_a_training_to_the_end_keeps_its_best_epoch_too() -> None:
    *_, last = specs(0, 0, EPOCHS)
    reports = train([last], noisy())
    assert epochs_of(reports, last.key)[-1] == EPOCHS
    result = results(reports)[last.key]
    assert len(result.history) < EPOCHS
    assert result.history[-1].metrics == result.validation.metrics()
