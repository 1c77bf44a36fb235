"""Comparison with the median."""

from optuna.pruners import BasePruner, MedianPruner

from moe_search.search.pruners.base import EpochPruner


class Median(EpochPruner):
    """Stops what is worse than the median of the trials before it at the same epoch."""

    def build(self) -> BasePruner:
        return MedianPruner(n_warmup_steps=self.first)

    def decides_at(self, epoch: int) -> bool:
        return True
