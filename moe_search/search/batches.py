"""Which trials train together in one worker."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from moe_search.data import Source
from moe_search.engine.trial import Job, TrialSpec, fusion_key
from moe_search.spec import Backbone, Model


@dataclass(frozen=True)
class Batches:
    """Makes jobs out of waiting trials.

    Attributes:
        source: the data.
        backbone: the networks of a configuration's model.
        population: most trials a worker trains in step.
        workers: how many share the work.
    """

    source: Source
    backbone: Callable[[Model], Backbone]
    population: int
    workers: int

    def size(self, left: int) -> int:
        """A population's size: near the end, no worker takes what others could train."""
        return max(1, min(self.population, -(-left // self.workers)))

    def take(self, waiting: deque[TrialSpec], left: int, test: bool = False) -> Job:
        """Take the first trial that waits and others that can train in step with it.

        Args:
            waiting: trials in the order they were asked; what is taken is removed.
            left: trials that are not yet given to a worker, asked or not.
            test: whether they are evaluated on the test split.
        """
        key = fusion_key(waiting[0])
        chosen = [spec for spec in waiting if fusion_key(spec) == key][: self.size(left)]
        for spec in chosen:
            waiting.remove(spec)
        model = chosen[0].configuration.model
        return Job(tuple(chosen), self.backbone(model), self.source, test)
