"""Optuna's pruners as study.yaml names them."""

from itertools import product

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.pruners import SuccessiveHalvingPruner as SuccessiveHalving

from moe_search.engine.stages import DECISIVE, last_epoch
from moe_search.spec import Choices, FloatRange, IntRange, Parameter, Study, Value

_REDUCTION = 3


def pruner(study: Study) -> BasePruner:
    """The study's pruner; a step is an epoch."""
    match study.pruner:
        case "hyperband":
            return HyperbandPruner(_first_rung(study), longest(study), _REDUCTION)
        case "successive_halving":
            return SuccessiveHalving(_first_rung(study), reduction_factor=_REDUCTION)
        case "median":
            return MedianPruner(n_warmup_steps=_first_rung(study))
        case _:
            return NopPruner()


def decides_at(study: Study, epoch: int) -> bool:
    """Whether the pruner may stop a trial at this epoch; asking it costs reads of the store."""
    if study.pruner in ("hyperband", "successive_halving"):
        rung = _first_rung(study)
        while rung < epoch:
            rung *= _REDUCTION
        return rung == epoch
    return study.pruner == "median"


def _first_rung(study: Study) -> int:
    """Epochs every trial gets: experts divide the task after the loss has begun to fall."""
    return max(1, longest(study) // 6)


def longest(study: Study) -> int:
    """The most epochs a trial of this study can have."""
    options = [_longest_of(parameter) for parameter in study.parameters]
    return max(last_epoch(study.configuration(dict(values))) for values in product(*options))


def _longest_of(parameter: Parameter) -> list[tuple[str, Value]]:
    """Those values, with their path, among which one makes a training the longest."""
    match parameter.domain:
        case Choices(choices=choices):
            values = choices if parameter.path in DECISIVE else choices[:1]
        case IntRange(high=high) | FloatRange(high=high):
            values = (high,)
    return [(parameter.path, value) for value in values]
