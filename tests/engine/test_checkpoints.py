"""A training that goes on from a checkpoint is the one that nothing interrupted."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.small_trials import assert_same_results, dataset, epochs_of, results, train, trial

from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.stages import last_epoch, stages
from moe_search.engine.trial import Report, TrialSpec
from moe_search.spec import Data, Regularizer, Training
from moe_search.spec.kinds.optimizers import OPTIMIZERS

pytestmark = pytest.mark.usefixtures("one_thread")

SOURCE = Data(name="digits")
EPOCHS = 3


class Killed(Exception):
    """The worker ends here."""


def specs_of(kind: str) -> list[TrialSpec]:
    """Trials that can train in step: three, where company changes no bit on a CPU."""
    models: dict[str, dict[str, Any]] = {
        "moving": {"temperature_schedule": "decay", "dual_temperature": 2.0},
        "distilled": {"gate": "attentive"},
        "perturbed": {"gate": "perturbed_cosine", "perturbation": 0.3},
        "with batch norms": {"backbone": "fashion_mnist"},
        "with dropout": {"backbone": "mlp_table"},
    }
    recipes: dict[str, dict[str, Any]] = {
        "distilled": {"distill": True},
        "pretrained": {"pretraining": "peeking", "pretraining_epochs": 2},
        "retrained": {"retrain_experts": "new"},
        **{name: {"optimizer": name} for name in OPTIMIZERS},
    }
    own: dict[str, list[dict[str, Any]]] = {
        "of recipes": [
            {"schedule": "cosine", "warmup": 0.3, "class_weights": "balanced"},
            {"schedule": "one_cycle", "label_smoothing": 0.1},
            {"schedule": "step", "step_epochs": 1, "clip": 0.2},
        ]
    }
    return [
        trial(
            key,
            experts=experts,
            temperature=0.7 + key,
            regularizer=Regularizer(kind="importance", weight=0.1 * key),
            training=Training.model_validate(
                {
                    "epochs": EPOCHS,
                    "batch_size": 16,
                    "lr": 3e-3 * (1 + key),
                    "weight_decay": 1e-3 * key,
                    **recipes.get(kind, {}),
                    **own.get(kind, [{}] * 3)[key],
                }
            ),
            **models.get(kind, {}),
        )
        for key, experts in enumerate((3,) if kind == "with batch norms" else (3, 5, 2))
    ]


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    """From the first epoch on."""
    return Checkpoints(tmp_path / "checkpoints", SOURCE, after=0.0)


def all_epochs(spec: TrialSpec) -> int:
    """With those of a pretraining."""
    return sum(stage.epochs for stage in stages(spec.configuration))


def train_until(epochs: int, specs: Sequence[TrialSpec], checkpoints: Checkpoints) -> None:
    """Train until a worker is killed after some epochs, or before its results are taken."""
    trained = count(1)

    def kill(reports: list[Report]) -> Collection[int]:
        if next(trained) == epochs:
            raise Killed
        return ()

    if epochs == all_epochs(specs[0]):
        train(specs, checkpoints=checkpoints)
    else:
        with pytest.raises(Killed):
            train(specs, drop=kill, checkpoints=checkpoints)


def go_on(specs: Sequence[TrialSpec], checkpoints: Checkpoints) -> list[Report]:
    """As a worker does."""
    return [
        report
        for own, begun in checkpoints.by_epoch(specs)
        for report in train(own, checkpoints=checkpoints, resumed=begun)
    ]


def files(checkpoints: Checkpoints) -> list[Path]:
    return sorted(checkpoints.folder.iterdir()) if checkpoints.folder.exists() else []


@pytest.mark.parametrize(
    "kind",
    [
        *("plain", "moving", "distilled", "pretrained", "retrained", "perturbed", "of recipes"),
        *("with batch norms", "with dropout", *OPTIMIZERS),
    ],
)
def test_a_training_goes_on_in_every_bit_from_any_epoch(
    checkpoints: Checkpoints, kind: str
) -> None:
    """Together, and one alone under another key; what was reported is reported again."""
    specs = specs_of(kind)
    whole = results(train(specs))
    reported = [*range(1, last_epoch(specs[0].configuration) + 1)]
    for epochs in range(1, all_epochs(specs[0]) + 1):
        train_until(epochs, specs, checkpoints)
        one = specs[epochs % len(specs)]
        found = checkpoints.latest(replace(one, key=7))
        assert found is not None
        assert found.epochs == epochs
        alone = train([replace(one, key=7)], resumed={7: found})
        assert epochs_of(alone, 7) == reported
        assert_same_results(results(alone)[7], whole[one.key])
        together = go_on(specs, checkpoints)
        for spec in specs:
            assert epochs_of(together, spec.key) == reported
            assert_same_results(results(together)[spec.key], whole[spec.key])
            assert results(together)[spec.key].complete
        checkpoints.clear()


def test_what_was_trained_is_not_trained_again(checkpoints: Checkpoints) -> None:
    (spec, *_) = specs_of("plain")
    train_until(2, [spec], checkpoints)
    found = checkpoints.latest(spec)
    assert found is not None
    assert found.seconds > 0
    marked = replace(found, seconds=1000.0)
    result = results(train([spec], resumed={spec.key: marked}))[spec.key]
    assert 1000 < result.seconds < 1000 + 3600


def test_a_result_that_was_not_taken_is_evaluated_only(checkpoints: Checkpoints) -> None:
    specs = specs_of("plain")
    train_until(EPOCHS, specs, checkpoints)
    data = dataset()
    nothing = replace(data, train=replace(data.train, x=data.train.x[:0], y=data.train.y[:0]))
    for own, begun in checkpoints.by_epoch(specs):
        found = results(train(own, nothing, resumed=begun))
    for key, result in results(train(specs)).items():
        assert_same_results(found[key], result)


def test_trials_of_different_epochs_go_on_apart(checkpoints: Checkpoints) -> None:
    specs = specs_of("plain")
    train_until(1, [specs[0]], checkpoints)
    train_until(2, [specs[2]], checkpoints)
    parts = list(checkpoints.by_epoch(specs))
    assert [[spec.key for spec in own] for own, _ in parts] == [[0], [1], [2]]
    assert [list(begun) for _, begun in parts] == [[0], [], [2]]
    found = results(go_on(specs, checkpoints))
    for key, result in results(train(specs)).items():
        assert_same_results(found[key], result)


def test_the_last_two_are_kept_and_go_when_the_trial_ends(checkpoints: Checkpoints) -> None:
    one, other, _ = specs_of("plain")
    train([one, other], checkpoints=checkpoints)
    assert len(files(checkpoints)) == 4
    found = checkpoints.latest(one)
    assert found is not None
    assert found.epochs == EPOCHS
    checkpoints.remove(one)
    assert checkpoints.latest(one) is None
    assert checkpoints.latest(other) is not None
    (checkpoints.folder / "half-written.part").touch()
    checkpoints.clear()
    assert not checkpoints.folder.exists()
    checkpoints.clear()


def test_a_trial_that_fails_leaves_none_of_that_epoch(checkpoints: Checkpoints) -> None:
    calm, _, _ = specs_of("plain")
    wild = trial(1, training=Training(epochs=EPOCHS, batch_size=16, lr=1e30))
    train([calm, wild], checkpoints=checkpoints)
    assert checkpoints.latest(calm) is not None
    assert checkpoints.latest(wild) is None


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    place = len(content) - 5
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def grow(content: bytes) -> bytes:
    """A header of an exabyte."""
    return (1 << 60).to_bytes(8, "little") + content[8:]


@pytest.mark.parametrize("damage", [cut, flip, grow, lambda content: b""])
@pytest.mark.parametrize("damaged", [1, 2])
def test_what_is_damaged_is_told_and_not_used(
    checkpoints: Checkpoints, damage: Any, damaged: int, capfd: pytest.CaptureFixture[str]
) -> None:
    (spec, *_) = specs_of("plain")
    train_until(2, [spec], checkpoints)
    for path in files(checkpoints)[-damaged:]:
        path.write_bytes(damage(path.read_bytes()))
    found = checkpoints.latest(spec)
    assert (found.epochs if found else 0) == 2 - damaged
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == damaged
    assert all(line.startswith(f"moe-search: {checkpoints.folder}") for line in lines)
    resumed = results(go_on([spec], checkpoints))[spec.key]
    assert_same_results(resumed, results(train([spec]))[spec.key])


def test_it_fits_the_same_training_only(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, other, _ = specs_of("plain")
    train_until(1, [spec], checkpoints)
    assert checkpoints.latest(other) is None
    assert checkpoints.latest(replace(spec, seed=spec.seed + 1)) is None
    assert checkpoints.latest(replace(spec, on_all=True)) is None
    assert replace(checkpoints, source=Data(name="digits", limit=9)).latest(spec) is None
    assert checkpoints.latest(spec) is not None
    monkeypatch.setattr("moe_search.engine.checkpoints.version", lambda name: "another")
    assert checkpoints.latest(spec) is None


def test_a_short_training_leaves_none(checkpoints: Checkpoints) -> None:
    train(specs_of("plain"), checkpoints=replace(checkpoints, after=3600.0))
    assert not files(checkpoints)


def test_a_training_goes_on_where_none_can_be_written(
    checkpoints: Checkpoints, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoints.folder.touch()
    (spec, *_) = specs_of("plain")
    result = results(train([spec], checkpoints=checkpoints))[spec.key]
    assert_same_results(result, results(train([spec]))[spec.key])
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("moe-search: trains on without checkpoints: ")
