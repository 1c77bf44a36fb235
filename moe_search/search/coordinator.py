"""The one process that owns both stores: it asks, hands out, decides, logs and tells.

Workers only train. A trial is asked from Optuna, its configuration goes to a worker as plain data,
epoch reports come back and decide on pruning, and its result is written to MLflow first and told
to Optuna last: a trial that is COMPLETE in Optuna has its run in MLflow.

A death at any moment leaves what ``mending.mend`` puts right at the next start, in this order; so
does a disk or a store that fails, which ends the run:

======================== ================================== ====================================
death                    leaves                             mended
======================== ================================== ====================================
before ask               a point WAITING                    nothing: it is asked first
ask to suggest           a trial RUNNING, with nothing      FAIL; another takes its place
suggest to log           a trial RUNNING                    queued again, then FAIL
while logging            also its run RUNNING, its model    the model FAILED, the run KILLED
                         PENDING
log to tell              a FINISHED run of a RUNNING trial  the run KILLED; the trial runs again
after tell               nothing
of a worker: queued      a RUNNING trial and, WAITING, the  FAIL; it is not queued twice
again, not told yet      one that repeats it
while mending, or giving the rest of the above              the same, again
up after Ctrl-C
finals: log to record,   a FINISHED run without a record    the run KILLED; it is trained again
retraining likewise
champion: registered,    a version without the attribute    registering again finds it
not recorded
======================== ================================== ====================================

What runs again goes on from its checkpoints (``engine.checkpoints``), which are removed last.

Optuna's sqlite file may lose its last commits when the system dies, not only the process; MLflow's
does not, and what Optuna lost it was told last, so such a loss is one of these, too.
"""

import time
from collections import deque
from collections.abc import Sequence

from optuna.trial import TrialState

from moe_search.engine.messages import Ready
from moe_search.engine.stages import last_epoch
from moe_search.engine.trial import EpochReport, TrialFailure, TrialResult, TrialSpec
from moe_search.progress import Note
from moe_search.search import objective
from moe_search.search.events import EpochEnded, Started, TrialEnded
from moe_search.search.executors.base import Died, Event
from moe_search.search.ledger import TrialRecord, set_constraints
from moe_search.search.proposals import Proposals
from moe_search.search.pruners import make_pruner
from moe_search.search.ranking import standing
from moe_search.search.recorder import line
from moe_search.search.session import Session
from moe_search.search.study_store import COUNTED, first_to_reach, requeue
from moe_search.search.trial import Running
from moe_search.spec.kinds.metrics import target_in_words


class Coordinator:
    """Runs the search of a study until it has its trials or must stop."""

    def __init__(self, session: Session) -> None:
        self._study = session.study
        self._optuna_study = session.optuna_study
        self._recorder = session.recorder
        self._executor = session.executor
        self._batches = session.batches
        self._checkpoints = session.checkpoints
        self._interrupt = session.interrupt
        self._listener = session.listener
        self._running: dict[int, Running] = {}
        self._waiting: deque[TrialSpec] = deque()
        self._failures = 0
        self._warned = False
        self._counted = len(self._optuna_study.get_trials(deepcopy=False, states=COUNTED))
        self._best, self._since_best = standing(self._study.objective, self._optuna_study)
        self._reached = first_to_reach(self._study.search.target, self._optuna_study)
        self._proposals = Proposals(
            self._study, self._optuna_study, self._batches.key, session.earlier
        )
        self._pruner = make_pruner(self._study)
        self._optuna_study.pruner = self._pruner.build()

    def run(self) -> str:
        """Search; returns why it ended, in words.

        Raises:
            Interrupted: an end was asked for; what runs is to be abandoned.
        """
        deadline = time.monotonic() + (self._study.search.timeout or float("inf"))
        self._listener(
            Started(
                self._study.name,
                self._proposals.wanted,
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
        for number, running in self._running.items():
            requeue(self._optuna_study, number)
            TrialRecord(reason="interrupted").write(running.trial)
            self._optuna_study.tell(running.trial, state=TrialState.FAIL)

    def _reason_to_stop(self, deadline: float) -> str | None:
        search = self._study.search
        if self._failures > search.max_failures:
            return f"more than {search.max_failures} trials failed"
        if self._unasked() <= 0:
            return "all trials are done"
        if self._reached is not None:
            wanted = target_in_words(search.target)
            return f"trial {self._reached} reached the target: {wanted}"
        if search.patience is not None and self._since_best >= search.patience:
            return f"no better trial in the last {self._since_best}"
        if time.monotonic() > deadline:
            return "the time limit is reached"
        return None

    def _unasked(self) -> int:
        """Trials that are wanted and not asked yet."""
        missing = self._proposals.wanted - self._counted - len(self._running)
        return int(min(missing, self._proposals.left))

    def _fill(self, asking: bool) -> bool:
        """Give an idle worker trials that train in step; whether there were any."""
        unasked = self._unasked()
        left = unasked + len(self._waiting)
        missing = self._batches.size(left) - len(self._waiting)
        for _ in range(min(missing, unasked) if asking else 0):
            running = self._proposals.ask()
            self._running[running.number] = running
            self._waiting.append(running.spec)
        if not self._waiting:
            return False
        judged = bool(self._study.configurations)
        self._executor.submit(self._batches.take(self._waiting, left, test=judged))
        return True

    def _take(self, event: Event) -> None:
        match event:
            case Ready():
                if event.uncompiled:
                    self._warn_uncompiled(event.uncompiled)
            case Died():
                for key in event.keys:
                    self._fail(key, event.reason, died=True)
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
        seed, text = running.seeds[0], line(report.metrics)
        epochs = last_epoch(running.configuration)
        self._listener(EpochEnded(running.number, seed, report.epoch, epochs, text))
        if not running.follow(report):
            return
        study = self._study
        if study.objective.pareto is None:
            (value,) = objective.values(study.objective, report.metrics, running.experts)
            running.trial.report(value, report.epoch)
        last = report.epoch == last_epoch(running.configuration)
        if last or running.pruned or running.replicate_of is not None:
            return
        if reason := running.collapsed(study):
            running.pruned = reason
        elif self._pruner.decides_at(report.epoch) and running.trial.should_prune():
            running.pruned = f"{study.pruner} at epoch {report.epoch}"
        if running.pruned:
            self._executor.drop([report.key])

    def _prune(self, running: Running, result: TrialResult) -> None:
        del self._running[running.number]
        self._recorder.pruned(running.trial, result, running.pruned)
        self._optuna_study.tell(running.trial, state=TrialState.PRUNED)
        self._proposals.replicates.pruned(TrialRecord.of(running.trial))
        self._count(running, "pruned", running.pruned)

    def _result(self, running: Running, result: TrialResult) -> None:
        if not result.complete:
            self._prune(running, result)
            return
        running.results.append(result)
        running.seeds.popleft()
        if running.seeds:
            self._waiting.append(running.spec)
            return
        del self._running[running.number]
        study = self._study
        metrics = objective.mean([result.validation.metrics() for result in running.results])
        values = objective.values(study.objective, metrics, result.experts)
        violations = objective.violations(study.objective, metrics, result.experts)
        set_constraints(running.trial, list(violations.values()))
        text = self._recorder.complete(running.trial, running.results, metrics, values)
        self._optuna_study.tell(running.trial, values)
        known = TrialRecord.of(running.trial)
        self._proposals.replicates.complete(running.number, known, values[0])
        kept = objective.keeps(violations)
        if kept and study.search.target and self._reached is None:
            reached = objective.reaches(study.search.target, metrics, result.experts)
            self._reached = running.number if reached else None
        if kept and study.objective.pareto is None:
            self._best = values[0] if self._best is None else max(self._best, values[0])
        self._count(running, "complete", text, values)

    def _fail(self, number: int, reason: str, died: bool = False) -> None:
        """Fail a trial; one whose worker died may run again, and is no failure then."""
        running = self._running.pop(number, None)
        if running is None:
            return
        again = died and self._proposals.again(number)
        self._failures += not again
        if not again:
            self._forget(running)
        self._recorder.failed(running.trial, running.configuration, running.history, reason)
        self._optuna_study.tell(running.trial, state=TrialState.FAIL)
        if not again:
            self._proposals.replicates.failed(number, TrialRecord.of(running.trial))
        self._say(running, "failed", f"{reason}; it runs again" if again else reason)

    def _count(self, running: Running, state: str, text: str, values: Sequence[float] = ()) -> None:
        self._counted += 1
        if self._study.search.patience is not None:  # nobody else asks, and it takes a while
            _, self._since_best = standing(self._study.objective, self._optuna_study)
        self._forget(running)
        self._say(running, state, text, values)

    def _forget(self, running: Running) -> None:
        """Remove the checkpoints of a trial that does not run again."""
        for seed in running.all_seeds:
            self._checkpoints.remove(TrialSpec(running.number, running.configuration, seed))

    def _say(self, running: Running, state: str, text: str, values: Sequence[float] = ()) -> None:
        names = self._study.objective.names
        named = dict(zip(names, values, strict=False))  # of what is not complete there are none
        counts = (self._counted, self._failures, self._best)
        self._listener(TrialEnded(running.number, state, text, named, *counts))
