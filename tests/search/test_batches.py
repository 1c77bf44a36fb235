"""Which trials train together in one worker."""

from collections import deque

import pytest

from moe_search.engine.trial import TrialSpec, trains_alone
from moe_search.moe.architecture import Architecture, rounds_alike
from moe_search.search.batches import Batches
from moe_search.spec import PRESETS, Configuration, Data


def specs(*gates: str) -> deque[TrialSpec]:
    return deque(
        TrialSpec(key, Configuration.model_validate({"model": {"gate": gate}}), seed=0)
        for key, gate in enumerate(gates)
    )


def architecture(configuration: Configuration) -> Architecture:
    return Architecture.of(configuration, PRESETS["mnist"], (1, 28, 28), 10)


def batches(alone: bool) -> Batches:
    return Batches(Data(name="mnist"), architecture, 4, 2, lambda _: alone)


def test_the_first_that_waits_takes_those_it_can_train_in_step_with() -> None:
    waiting = specs("original", "attentive", "original", "original")
    job = batches(alone=False).take(waiting, left=20)
    assert [spec.key for spec in job.trials] == [0, 2, 3]
    assert [spec.key for spec in waiting] == [1]


def test_near_the_end_no_worker_takes_what_others_could_train() -> None:
    job = batches(alone=False).take(specs(*["original"] * 4), left=4)
    assert [spec.key for spec in job.trials] == [0, 1]


def test_networks_that_round_differently_in_company_train_alone() -> None:
    waiting = specs("original", "original")
    job = batches(alone=True).take(waiting, left=20)
    assert [spec.key for spec in job.trials] == [0]
    assert [spec.key for spec in waiting] == [1]


@pytest.mark.parametrize(
    ("preset", "shape", "alike"),
    [
        ("mnist", (1, 28, 28), True),
        ("digits", (1, 8, 8), True),
        ("mlp", (30,), True),
        ("cifar10", (3, 32, 32), False),
    ],
)
def test_only_convolutions_after_the_stem_round_differently_in_company(
    preset: str, shape: tuple[int, ...], alike: bool
) -> None:
    assert rounds_alike(PRESETS[preset].gate, shape) is alike
    model = Architecture.of(Configuration(), PRESETS[preset], shape, 10)
    assert trains_alone(model, "cpu") is not alike
    assert not trains_alone(model, "cuda:0")
