"""Which trials train together in one worker."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from moe_search.engine.trial import Job, TrialSpec, fusion_key
from moe_search.spec import Backbone, Data, Model


@dataclass(frozen=True)
class Batches:
    """Makes jobs out of waiting trials.

    Attributes:
        source: the data.
        backbone: the networks of a configuration's model.
        population: most trials a worker trains in step.
        workers: how many share the work.
        alone: whether models with these networks must train one by one.
    """

    source: Data
    backbone: Callable[[Model], Backbone]
    population: int
    workers: int
    alone: Callable[[Backbone], bool]

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
        first = waiting[0]
        backbone = self.backbone(first.configuration.model)
        size = 1 if self.alone(backbone) else self.size(left)
        chosen = [spec for spec in waiting if fusion_key(spec) == fusion_key(first)][:size]
        for spec in chosen:
            waiting.remove(spec)
        return Job(tuple(chosen), backbone, self.source, test)
