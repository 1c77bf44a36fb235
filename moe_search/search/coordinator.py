"""The one process that owns both stores: it asks, hands out, decides, logs and tells.

Workers only train. A trial is asked from Optuna, its configuration goes to a worker as plain data,
epoch reports come back and decide on pruning, and its result is written to MLflow first and told
to Optuna last: a trial that is COMPLETE in Optuna has its run in MLflow.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count

import optuna
from optuna.trial import TrialState

from moe_search.engine.messages import Ready
from moe_search.engine.trial import (
    EpochReport,
    TrialFailure,
    TrialResult,
    TrialSpec,
    expert_count,
)
from moe_search.search import objective, space
from moe_search.search.events import Note, Started, TrialEnded
from moe_search.search.executor import Died, Event
from moe_search.search.ranking import standing
from moe_search.search.sampler import decides_at
from moe_search.search.session import Session
from moe_search.search.store import COUNTED, requeue, untried, waiting
from moe_search.spec import Configuration


@dataclass
class Running:
    """A trial that was asked and is not told yet.

    Attributes:
        seeds: still to be trained, the current one included; pruning is decided in the first.
        low_usage: epochs in a row in which the usage entropy was below the collapse bound.
        pruned: why it is to stop, once that is decided.
    """

    trial: optuna.Trial
    configuration: Configuration
    seeds: deque[int]
    results: list[TrialResult] = field(default_factory=list)
    history: list[EpochReport] = field(default_factory=list)
    low_usage: int = 0
    pruned: str = ""


class Coordinator:
    """Runs the search of a study until it has its trials or must stop."""

    def __init__(self, session: Session) -> None:
        self._study = session.study
        self._kept = session.kept
        self._recorder = session.recorder
        self._executor = session.executor
        self._batches = session.batches
        self._interrupt = session.interrupt
        self._listener = session.listener
        self._running: dict[int, Running] = {}
        self._waiting: deque[TrialSpec] = deque()
        self._failures = 0
        self._warned = False
        self._used: dict[str, set[int]] = {}  # seeds by configuration
        counted = self._kept.get_trials(deepcopy=False, states=COUNTED)
        for trial in counted:
            seeds = self._used.setdefault(trial.user_attrs["configuration"], set())
            seeds.add(trial.user_attrs["seed"])
        self._counted = len(counted)
        self._best, self._since_best = standing(self._study, self._kept)
        search = self._study.search
        finite = search.sampler == "grid" or not self._study.parameters
        points = space.grid(self._study) if finite else search.points
        self._points = deque(untried(self._kept, points))
        self._left: int | None = None  # of a finite space
        self._wanted = search.trials
        if finite:
            self._left = len(self._points) + waiting(self._kept)
            self._wanted = min(search.trials, self._counted + self._left)

    def run(self) -> str:
        """Search; returns why it ended, in words.

        Raises:
            Interrupted: an end was asked for; what runs is to be abandoned.
        """
        deadline = time.monotonic() + (self._study.search.timeout or float("inf"))
        self._listener(
            Started(
                self._study.name,
                self._wanted,
                self._counted,
                self._best,
                self._batches.workers,
                self._batches.population,
            )
        )
        while True:
            reason = self._reason_to_stop(deadline)
            if not self._running and reason:
                return reason
            while self._executor.idle and (self._waiting or not reason):
                if not self._fill(asking=not reason):
                    break
            for event in self._executor.events(timeout=1.0):
                self._take(event)
            self._interrupt.check()

    def abandon(self) -> None:
        """Give up what is running and queue it for the next start."""
        for number, running in list(self._running.items()):
            del self._running[number]
            running.trial.set_user_attr("reason", "interrupted")
            frozen = self._kept.tell(running.trial, state=TrialState.FAIL)
            requeue(self._kept, frozen)

    def _reason_to_stop(self, deadline: float) -> str | None:
        search = self._study.search
        if self._failures > search.max_failures:
            return f"more than {search.max_failures} trials failed"
        if self._unasked() <= 0:
            return "all trials are done"
        if search.patience is not None and self._since_best >= search.patience:
            return f"no better trial in the last {self._since_best}"
        if time.monotonic() > deadline:
            return "the time limit is reached"
        return None

    def _unasked(self) -> int:
        """Trials that are wanted and not asked yet."""
        unasked = self._wanted - self._counted - len(self._running)
        return unasked if self._left is None else min(unasked, self._left)

    def _fill(self, asking: bool) -> bool:
        """Give an idle worker trials that train in step; whether there were any."""
        unasked = self._unasked()
        left = unasked + len(self._waiting)
        missing = self._batches.size(left) - len(self._waiting)
        for _ in range(min(missing, unasked) if asking else 0):
            self._ask()
        if not self._waiting:
            return False
        self._executor.submit(self._batches.take(self._waiting, left))
        return True

    def _ask(self) -> None:
        if self._points:
            self._kept.enqueue_trial(self._points.popleft())
        if self._left is not None:
            self._left -= 1
        trial = self._kept.ask()
        configuration = self._study.configuration(space.suggest(trial, self._study))
        name = configuration.model_dump_json()
        search, used = self._study.search, self._used.setdefault(name, set())
        # a repeated configuration is a new seed of it
        first = next(seed for seed in count(search.seed, search.seeds) if seed not in used)
        used.add(first)
        running = Running(trial, configuration, deque(range(first, first + search.seeds)))
        trial.set_user_attr("configuration", name)
        trial.set_user_attr("seed", first)
        self._running[trial.number] = running
        self._waiting.append(TrialSpec(trial.number, configuration, first))

    def _take(self, event: Event) -> None:
        match event:
            case Ready():
                if event.uncompiled:
                    self._warn_uncompiled(event.uncompiled)
            case Died():
                for key in event.keys:
                    self._fail(key, event.reason)
            case EpochReport():
                if event.key in self._running:
                    self._report(self._running[event.key], event)
            case TrialResult():
                if event.key in self._running:
                    self._result(self._running[event.key], event)
            case TrialFailure():
                self._fail(event.key, event.reason)

    def _warn_uncompiled(self, reason: str) -> None:
        if not self._warned:
            self._listener(Note(f"running uncompiled, several times slower: {reason}"))
        self._warned = True

    def _report(self, running: Running, report: EpochReport) -> None:
        """Tell Optuna how the first seed is doing, and stop the trial if there is no hope."""
        if running.results or report.epoch <= len(running.history):
            return  # a later seed, or a job that was begun again
        running.history.append(report)
        study, configuration = self._study, running.configuration
        experts = expert_count(configuration)
        if study.objective.pareto is None:
            (value,) = objective.values(study, report.metrics, experts)
            running.trial.report(value, report.epoch)
        if report.epoch == configuration.training.epochs or running.pruned:
            return
        if reason := self._collapsed(running, report):
            running.pruned = reason
        elif decides_at(study, report.epoch) and running.trial.should_prune():
            running.pruned = f"{study.pruner} at epoch {report.epoch}"
        if running.pruned:
            self._executor.drop([report.key])

    def _collapsed(self, running: Running, report: EpochReport) -> str | None:
        collapse = self._study.search.collapse
        experts = expert_count(running.configuration)
        if collapse is None or experts == 1:
            return None
        usage = objective.normalised("usage_entropy", report.metrics["usage_entropy"], experts)
        running.low_usage = running.low_usage + 1 if usage < collapse.usage_entropy else 0
        if running.low_usage < collapse.patience:
            return None
        return f"collapse: usage entropy {usage:.2f} of log2 M in epoch {report.epoch}"

    def _prune(self, running: Running, result: TrialResult) -> None:
        number = running.trial.number
        del self._running[number]
        self._recorder.pruned(running.trial, result, running.pruned)
        self._kept.tell(running.trial, state=TrialState.PRUNED)
        self._count(number, "pruned", running.pruned, better=False)

    def _result(self, running: Running, result: TrialResult) -> None:
        if not result.complete:
            self._prune(running, result)
            return
        running.results.append(result)
        running.seeds.popleft()
        number = running.trial.number
        if running.seeds:
            self._waiting.append(TrialSpec(number, running.configuration, running.seeds[0]))
            return
        del self._running[number]
        study = self._study
        metrics = objective.mean([result.validation.metrics() for result in running.results])
        values = objective.values(study, metrics, result.experts)
        violations = objective.violations(study, metrics, result.experts)
        for name, violation in violations.items():
            running.trial.set_constraint(name, violation)
        text = self._recorder.complete(running.trial, running.results, metrics, values)
        self._kept.tell(running.trial, values)
        feasible = all(violation <= 0 for violation in violations.values())
        better = feasible and self._is_better(number, values)
        self._count(number, "complete", text, better, tuple(values))

    def _fail(self, number: int, reason: str) -> None:
        running = self._running.pop(number, None)
        if running is None:
            return
        self._failures += 1
        self._recorder.failed(running.trial, running.configuration, running.history, reason)
        self._kept.tell(running.trial, state=TrialState.FAIL)
        self._tell_listener(number, "failed", reason)

    def _count(
        self, number: int, state: str, text: str, better: bool, values: tuple[float, ...] = ()
    ) -> None:
        self._counted += 1
        self._since_best = 0 if better else self._since_best + 1
        self._tell_listener(number, state, text, values)

    def _tell_listener(
        self, number: int, state: str, text: str, values: tuple[float, ...] = ()
    ) -> None:
        self._listener(
            TrialEnded(number, state, text, values, self._counted, self._failures, self._best)
        )

    def _is_better(self, number: int, values: list[float]) -> bool:
        """Whether a feasible trial is the best so far, or lies on the front."""
        if self._study.objective.pareto is not None:
            if self._study.search.patience is None:
                return True  # nobody asks, and the front of many trials is slow to find
            return any(trial.number == number for trial in self._kept.best_trials)
        (value,) = values
        if self._best is not None and value <= self._best:
            return False
        self._best = value
        return True
