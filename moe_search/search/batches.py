"""Which trials train together in one worker."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from moe_search.engine.trial import Job, TrialSpec, fusion_key
from moe_search.moe.architecture import Architecture
from moe_search.spec import Configuration, Data


@dataclass(frozen=True)
class Batches:
    """Makes jobs out of waiting trials.

    Attributes:
        source: the data.
        architecture: of a configuration's model.
        population: most trials a worker trains in step.
        workers: how many share the work.
        alone: whether models of an architecture must train one by one.
    """

    source: Data
    architecture: Callable[[Configuration], Architecture]
    population: int
    workers: int
    alone: Callable[[Architecture], bool]

    def size(self, left: int) -> int:
        """A population's size: near the end, no worker takes what others could train."""
        return max(1, min(self.population, -(-left // self.workers)))

    def key(self, spec: TrialSpec) -> Hashable:
        """Trials with equal keys can train in step."""
        return fusion_key(spec, self.architecture(spec.configuration))

    def take(self, waiting: deque[TrialSpec], left: int, test: bool = False) -> Job:
        """Take the first trial that waits and others that can train in step with it.

        Args:
            waiting: trials in the order they were asked; what is taken is removed.
            left: trials that are not yet given to a worker, asked or not.
            test: whether they are evaluated on the test split.
        """
        first = waiting[0]
        architecture = self.architecture(first.configuration)
        size = 1 if self.alone(architecture) else self.size(left)
        chosen = [spec for spec in waiting if self.key(spec) == self.key(first)][:size]
        for spec in chosen:
            waiting.remove(spec)
        return Job(tuple(chosen), architecture, self.source, test)
