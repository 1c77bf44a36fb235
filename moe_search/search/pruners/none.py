"""No pruning."""

from optuna.pruners import BasePruner, NopPruner

from moe_search.search.pruners.base import EpochPruner


class NoPruner(EpochPruner):
    """Lets every trial run to its end."""

    def build(self) -> BasePruner:
        return NopPruner()

    def decides_at(self, epoch: int) -> bool:
        return False
