"""The gate temperature over the epochs of a training."""

from typing import NamedTuple

from moe_search.spec.configuration import Configuration, Model

_QUARTERS = (10.0, 1.0, 0.01, 0.001)
_LOWEST = 0.001


class Temperatures(NamedTuple):
    """The gate temperature with which gate and experts learn."""

    gate: float
    experts: float


def temperatures(configuration: Configuration, epoch: int) -> Temperatures:
    """Those of an epoch, counted from 1; after the last epoch they stay.

    Experts learn at the gate's own temperature, which the schedule moves, or at dual_temperature
    times it: then the schedule moves theirs alone. The model answers at the gate's.
    """
    model, epochs = configuration.model, configuration.training.epochs
    now = _scheduled(model, min(epoch, epochs), epochs)
    return Temperatures(now if model.dual_temperature == 1 else model.temperature, now)


def _scheduled(model: Model, epoch: int, epochs: int) -> float:
    """The schedules of arXiv 2302.14703's authors, from the study's temperature.

    quarters: 10, 1, 0.01 and 0.001 times it in four equal quarters of the epochs. decay: T_1 is
    it, T_{n+1} = max(0.001, T_n / (1 + d (n - 1))).
    """
    temperature = model.temperature * model.dual_temperature
    match model.temperature_schedule:
        case "constant":
            return temperature
        case "quarters":
            return temperature * _QUARTERS[(epoch - 1) * 4 // epochs]
        case "decay":
            for n in range(1, epoch):
                temperature = max(_LOWEST, temperature / (1 + model.temperature_decay * (n - 1)))
            return temperature
