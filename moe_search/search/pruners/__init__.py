"""Optuna's pruners as study.yaml names them: a file a pruner. A step is an epoch."""

from moe_search.engine.stages import last_epoch
from moe_search.search.outlook.size import extremes
from moe_search.search.pruners.base import EpochPruner
from moe_search.spec import Study
from moe_search.spec.kinds.pruners import PRUNERS


def make_pruner(study: Study) -> EpochPruner:
    """The study's pruner."""
    return PRUNERS[study.pruner].load_class(EpochPruner)(longest(study))


def longest(study: Study) -> int:
    """The most epochs a trial of this study can have."""
    return max(map(last_epoch, extremes(study)))
