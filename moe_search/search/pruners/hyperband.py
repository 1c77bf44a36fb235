"""Brackets of successive halving."""

from optuna.pruners import BasePruner, HyperbandPruner

from moe_search.search.pruners.base import REDUCTION, RungPruner


class Hyperband(RungPruner):
    """Brackets of successive halving, the first of which begins with few epochs."""

    def build(self) -> BasePruner:
        return HyperbandPruner(self.first, self.longest, REDUCTION)
