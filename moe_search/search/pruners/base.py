"""What every pruner has, and the rungs that some share."""

from optuna.pruners import BasePruner

REDUCTION = 3
"""Of the trials that reach a rung, one in so many goes on; the epochs to the next grow as much."""

_FIRST = 6  # the first rung lies at this part of the longest training


class EpochPruner:
    """Stops poor trials after some of their epochs.

    Args:
        longest: the most epochs that a trial of the study can have.

    Attributes:
        first: epochs every trial gets: experts divide the task after the loss has begun to fall.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.first = max(1, longest // _FIRST)

    def build(self) -> BasePruner:
        """Optuna's pruner."""
        raise NotImplementedError

    def decides_at(self, epoch: int) -> bool:
        """Whether it may stop a trial at this epoch; asking it costs reads of the store."""
        raise NotImplementedError


class RungPruner(EpochPruner):
    """Decides at rungs, each of ``REDUCTION`` times the epochs of the one before."""

    def decides_at(self, epoch: int) -> bool:
        rung = self.first
        while rung < epoch:
            rung *= REDUCTION
        return rung == epoch
