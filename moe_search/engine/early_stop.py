"""When a training is over, and which epoch's weights are kept of it.

A training with ``early_stop`` ends once validation has not improved for so many epochs of its last
stage, or after the last epoch; the weights of the best epoch are kept. An epoch is better by its
accuracy, and where that is equal, as it often is at first, by its loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from moe_search.engine.stages import last_epoch, numbered
from moe_search.engine.trial import EpochReport
from moe_search.moe.architecture import State
from moe_search.spec.configuration import Configuration


def kept_epoch(configuration: Configuration, history: Sequence[EpochReport]) -> int:
    """The epoch whose weights are kept: the last, or of those of the last stage the best."""
    if not configuration.training.early_stop:
        return history[-1].epoch
    *_, (_, stage) = numbered(configuration)
    judged = [report for report in history if report.epoch in stage]
    if not judged:
        return history[-1].epoch
    return max(judged, key=lambda of: (of.metrics["accuracy"], -of.metrics["loss"])).epoch


def is_over(configuration: Configuration, history: Sequence[EpochReport]) -> bool:
    """Whether there is nothing more to train; no, where no epoch was judged yet."""
    if not history:
        return False
    waits, last = configuration.training.early_stop, history[-1].epoch
    waited = last - kept_epoch(configuration, history)
    return last == last_epoch(configuration) or 0 < waits <= waited


@dataclass
class Progress:
    """What came of one trial so far.

    Attributes:
        configuration: the trial's.
        history: what was reported of its epochs.
        seconds: its share of the wall seconds of workers.
        best: the weights that are kept of a training that may stop early.
    """

    configuration: Configuration
    history: list[EpochReport] = field(default_factory=list)
    seconds: float = 0.0
    best: State | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing more to train."""
        return is_over(self.configuration, self.history)

    def keep(self, state: Callable[[], State]) -> None:
        """Keep the weights that there are now, where it may stop early and is at its best."""
        now = self.history[-1].epoch
        *_, (_, last_stage) = numbered(self.configuration)
        may_stop = self.configuration.training.early_stop and now in last_stage
        if may_stop and now == self._kept_epoch:
            self.best = state()

    def until_kept(self) -> tuple[EpochReport, ...]:
        """What was reported of epochs up to the one whose weights are kept."""
        return tuple(report for report in self.history if report.epoch <= self._kept_epoch)

    @property
    def _kept_epoch(self) -> int:
        return kept_epoch(self.configuration, self.history)
