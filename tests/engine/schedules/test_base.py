"""Each schedule gives the rates of torch's, in any stage and behind a warmup."""

import pytest
import torch
from support.kinds import listed
from support.reference_model import SCHEDULES as PLAIN_SCHEDULES
from support.reference_model import schedule

from moe_search.engine.schedules.base import Rates
from moe_search.spec import Training
from moe_search.spec.kinds.schedules import SCHEDULES

EPOCHS, STEPS = 7, 3
"""Of a stage, and of an epoch."""


def plain_rates(training: Training) -> list[float]:
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=training.lr)
    moved = schedule(optimizer, training, EPOCHS * STEPS, STEPS)
    rates = []
    for _ in range(EPOCHS * STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        moved.step()
    return rates


def scheduled(name: str, **more: float) -> list[Training]:
    given = {"schedule": name, "step_epochs": 2, "step_factor": 0.3, **more}
    return [Training.model_validate({**given, "lr": lr}) for lr in (0.01, 0.3)]


each_schedule = pytest.mark.parametrize("name", listed(SCHEDULES, PLAIN_SCHEDULES))


@each_schedule
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.3])
def test_rates_are_those_of_torch(name: str, warmup: float) -> None:
    if SCHEDULES[name].rises:
        warmup = 0.0
    training = scheduled(name, warmup=warmup)
    rates = Rates(training, EPOCHS, STEPS)
    found = [rates.next() for _ in range(EPOCHS * STEPS)]
    for model, own in enumerate(training):
        expected = plain_rates(own)
        assert [each[model] for each in found] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert (len({each[0] for each in found}) > 1) == (name != "constant" or warmup > 0)


@each_schedule
def test_an_epoch_begins_where_the_ones_before_it_end(name: str) -> None:
    training = scheduled(name, warmup=0.0 if SCHEDULES[name].rises else 0.2)
    whole, later = Rates(training, EPOCHS, STEPS), Rates(training, EPOCHS, STEPS)
    expected = [whole.next() for _ in range(EPOCHS * STEPS)]
    later.begin_epoch(4)
    assert [later.next() for _ in range(3 * STEPS)] == expected[4 * STEPS :]


@pytest.mark.parametrize("steps", [1, 2, 3])
@each_schedule
def test_a_short_stage_has_finite_rates(name: str, steps: int) -> None:
    rates = Rates(scheduled(name), 1, steps)
    assert all(0 < rate <= 0.3 for _ in range(steps) for rate in rates.next())


def test_a_warmup_may_take_all_steps() -> None:
    rates = Rates([Training(lr=1.0, warmup=1.0)], 2, 2)
    assert [rates.next() for _ in range(4)] == [[0.25], [0.5], [0.75], [1.0]]
