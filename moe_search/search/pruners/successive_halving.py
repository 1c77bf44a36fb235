"""Successive halving."""

from optuna.pruners import BasePruner, SuccessiveHalvingPruner

from moe_search.search.pruners.base import REDUCTION, RungPruner


class SuccessiveHalving(RungPruner):
    """After each rung the better third goes on."""

    def build(self) -> BasePruner:
        return SuccessiveHalvingPruner(self.first, reduction_factor=REDUCTION)
