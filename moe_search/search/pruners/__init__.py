"""Optuna's pruners as study.yaml names them: a file a pruner. A step is an epoch."""

from itertools import product

from moe_search.engine.stages import DECISIVE, last_epoch
from moe_search.search.pruners.base import EpochPruner
from moe_search.spec import Choices, FloatRange, IntRange, Parameter, Study, Value
from moe_search.spec.kinds.pruners import PRUNERS


def make_pruner(study: Study) -> EpochPruner:
    """The study's pruner."""
    return PRUNERS[study.pruner].load_class(EpochPruner)(longest(study))


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
