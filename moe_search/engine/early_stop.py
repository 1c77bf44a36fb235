"""When a training is over, and which epoch's weights are kept of it.

A training with ``early_stop`` ends once validation has not improved for so many epochs of its last
stage, or after the last epoch; the weights of the best epoch are kept. An epoch is better by its
accuracy, and where that is equal, as it often is at first, by its loss.
"""

from collections.abc import Sequence

from moe_search.engine.stages import last_epoch, numbered
from moe_search.engine.trial import EpochReport
from moe_search.spec.configuration import Configuration


def kept_epoch(configuration: Configuration, history: Sequence[EpochReport]) -> int:
    """The epoch whose weights are kept: the last, or of those of the last stage the best."""
    *_, (_, stage) = numbered(configuration)
    judged = [report for report in history if report.epoch in stage]
    if not judged or not configuration.training.early_stop:
        return history[-1].epoch
    return max(judged, key=lambda of: (of.metrics["accuracy"], -of.metrics["loss"])).epoch


def is_over(configuration: Configuration, history: Sequence[EpochReport]) -> bool:
    """Whether there is nothing more to train; no, where no epoch was judged yet."""
    if not history:
        return False
    waits, last = configuration.training.early_stop, history[-1].epoch
    waited = last - kept_epoch(configuration, history)
    return last == last_epoch(configuration) or 0 < waits <= waited
