"""What is tried next, and from which seeds."""

import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from itertools import count

import optuna

from moe_search.engine.trial import TrialSpec
from moe_search.search import suggest
from moe_search.search.ledger import TrialRecord
from moe_search.search.racing.replicates import Replicates, enqueue
from moe_search.search.samplers import make_sampler
from moe_search.search.study_store import COUNTED, requeue, untried, waiting
from moe_search.search.surrogate.earlier import Earlier
from moe_search.search.trial import Running
from moe_search.spec import Configuration, Study, Value
from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.spec.study import SEED


class Proposals:
    """Asks Optuna: for trials that are queued, the study's points, replicates, or for any.

    A grid, a comparison and a space without parameters have their points and no more.

    Args:
        study: what is searched.
        optuna_study: the study in Optuna's store.
        key: of trials; those of equal keys can train in step.
        earlier: what other studies found.

    Attributes:
        wanted: trials that the study is to have in the end.
        left: trials that can still be asked.
        replicates: to be told how trials end.
    """

    def __init__(
        self,
        study: Study,
        optuna_study: optuna.Study,
        key: Callable[[TrialSpec], Hashable],
        earlier: Earlier,
    ) -> None:
        self._study = study
        self._optuna_study = optuna_study
        optuna_study.sampler = make_sampler(study, len(optuna_study.get_trials()), earlier)
        listed = bool(study.configurations)
        finite = listed or SAMPLERS[study.search.sampler].tries_all or not study.parameters
        known = suggest.grid(study) if finite else [*study.search.points, *earlier.points]
        points = _runs(study, key) if listed else known
        self._points = deque(untried(optuna_study, points, partial(suggest.as_written, study)))
        self.left = len(self._points) + waiting(optuna_study) if finite else math.inf
        self._seeds: dict[Configuration | None, set[int]] = {}  # first ones that are used
        counted = optuna_study.get_trials(deepcopy=False, states=COUNTED)
        for trial in counted:
            record = TrialRecord.of(trial)
            if record.seed is not None:
                self._seeds.setdefault(record.configuration, set()).add(record.seed)
        self.replicates = Replicates(study, optuna_study)
        self._queued = waiting(optuna_study)
        self.wanted = int(min(study.trials, len(counted) + self.left))

    def ask(self) -> Running:
        """The next trial."""
        if self._points:
            self._optuna_study.enqueue_trial(self._points.popleft())
            # the queue gives what waits longest, and is as long as before
        elif self._queued:
            self._queued -= 1
        elif replicate := self.replicates.next():
            enqueue(self._optuna_study, *replicate)
        self.left -= 1
        trial = self._optuna_study.ask()
        values = suggest.suggest(trial, self._study)
        configuration = self._study.configuration(values)
        given = TrialRecord.of(trial)
        if SEED in values:
            seeds: Iterable[int] = [int(values[SEED])]
        else:
            seeds = self._seeds_of(configuration, given.seed)
        running = Running(trial, configuration, deque(seeds), replicate_of=given.replicate_of)
        TrialRecord(configuration=configuration, seed=running.seeds[0]).write(trial)
        self.replicates.begin(trial.number, TrialRecord.of(trial))
        return running

    def again(self, number: int) -> bool:
        """Queue a trial whose worker died once more, unless it died too often; whether it is."""
        trial = self._optuna_study.get_trials(deepcopy=False)[number]
        if TrialRecord.of(trial).deaths >= self._study.search.retries:
            return False
        self.left += 1
        self._queued += 1
        return requeue(self._optuna_study, number, died=True)

    def _seeds_of(self, configuration: Configuration, first: int | None) -> range:
        """The same for every configuration, but a repeated one is a new seed of it.

        Args:
            configuration: what is trained.
            first: the first seed, of a trial that runs again.
        """
        search = self._study.search
        used = self._seeds.setdefault(configuration, set())
        if first is None:
            first = next(seed for seed in count(search.seed, search.seeds) if seed not in used)
        used.add(first)
        return range(first, first + search.seeds)


def _runs(study: Study, key: Callable[[TrialSpec], Hashable]) -> list[dict[str, Value]]:
    """A comparison's runs, those beside each other that can train in step."""
    groups: dict[Hashable, list[dict[str, Value]]] = {}
    for run in study.runs:
        spec = TrialSpec(0, study.configuration(run), int(run[SEED]))
        groups.setdefault(key(spec), []).append(run)
    return [run for runs in groups.values() for run in runs]
