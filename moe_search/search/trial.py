"""A trial on its way from ask to tell."""

from collections import deque
from dataclasses import dataclass, field

import optuna

from moe_search.engine.trial import EpochReport, TrialResult, TrialSpec, expert_count
from moe_search.search.objective import normalised
from moe_search.spec import Configuration, Study


@dataclass
class Running:
    """A trial that was asked and is not told yet.

    Attributes:
        seeds: still to be trained, the current one included; pruning is decided in the first.
        history: reports of the first seed.
        low_usage: epochs in a row in which the usage entropy was below the collapse bound.
        pruned: why it is to stop, once that is decided.
        replicate_of: number of the first trial of its configuration; such a trial is not pruned.
    """

    trial: optuna.Trial
    configuration: Configuration
    seeds: deque[int]
    results: list[TrialResult] = field(default_factory=list)
    history: list[EpochReport] = field(default_factory=list)
    low_usage: int = 0
    pruned: str = ""
    replicate_of: int | None = None

    @property
    def number(self) -> int:
        """Optuna's number, by which workers know it, too."""
        return self.trial.number

    @property
    def experts(self) -> int:
        """Networks that its model evaluates."""
        return expert_count(self.configuration)

    @property
    def spec(self) -> TrialSpec:
        """What a worker is to train next."""
        return TrialSpec(self.number, self.configuration, self.seeds[0])

    @property
    def all_seeds(self) -> list[int]:
        """Those that are trained, and those that are still to be."""
        return [*(result.seed for result in self.results), *self.seeds]

    def follow(self, report: EpochReport) -> bool:
        """Keep a report; False where pruning has no use for it."""
        if self.results:
            return False  # of a later seed
        if self.history and report.epoch <= self.history[-1].epoch:
            return False  # of a job that was begun again
        self.history.append(report)
        return True

    def collapsed(self, study: Study) -> str:
        """Why to stop it if its experts have collapsed; to be asked once after each epoch."""
        bound = study.collapse
        if bound is None or self.experts == 1:
            return ""
        report = self.history[-1]
        usage = normalised("usage_entropy", report.metrics["usage_entropy"], self.experts)
        self.low_usage = self.low_usage + 1 if usage < bound.usage_entropy else 0
        if self.low_usage < bound.patience:
            return ""
        return f"collapse: usage entropy {usage:.2f} of log2 M in epoch {report.epoch}"
