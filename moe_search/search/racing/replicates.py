"""Replicates: trials that give a configuration of an earlier trial another seed.

A trial that is told keeps its value for good, so the race of the search does not change it: a
configuration that may still be the best gets a trial more, with the same parameters and the next
seed. The last tenth of a study's trials goes so, one seed at a time to the configuration of the
largest mean and half a standard deviation of what is believed (``surrogate.beliefs``). Each trial's
value is what it measured, so a sampler sees the noise as it is. Replicates count among the study's
trials, wait in Optuna's queue until they are asked, and fill populations as all others do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.engine.trial import expert_count
from moe_search.search import objective
from moe_search.search.ledger import TrialRecord, repeated
from moe_search.search.study_store import COUNTED
from moe_search.search.surrogate.beliefs import beliefs
from moe_search.spec import Configuration, Study

_SHARE = 0.1
"""Of a study's trials, the last ones, that are replicates: what they take, nothing new has."""

_SPREAD = 0.5
"""Standard deviations that doubt is worth: what is not known well may be better than it seems."""


def in_line(mean: float, deviation: float) -> float:
    """What says whose turn it is, by what is believed; the largest is the next."""
    return mean + _SPREAD * deviation


@dataclass
class _Known:
    """What is known of a configuration.

    Attributes:
        number: of its first trial; once some are complete, of the first of those.
        values: by seed, of trials that are complete; more is better.
        metrics: of the same, on validation.
        under_way: seeds that are trained from now.
        lost: whether a replicate of it failed, which leaves it as it stands.
    """

    number: int
    values: dict[int, float] = field(default_factory=dict)
    metrics: list[Mapping[str, float]] = field(default_factory=list)
    under_way: set[int] = field(default_factory=set)
    lost: bool = False


class Replicates:
    """Follows a search's trials, and says which configuration is to have another seed.

    Args:
        study: what is searched.
        optuna_study: the study in Optuna's store.
    """

    def __init__(self, study: Study, optuna_study: optuna.Study) -> None:
        self._study, self._optuna_study = study, optuna_study
        self._goal = study.objective
        self._new = (1 - _SHARE) * study.trials
        self._judged, self._in_line = 0, dict[int, float]()
        self._seeds = range(study.search.seed, study.search.seed + study.race)
        self._known: dict[Configuration, _Known] = {}
        self._fresh = set[int]()  # trials of new configurations, but for those that failed
        trials = optuna_study.get_trials(deepcopy=False)
        again = repeated(trials)
        for trial in trials if len(self._seeds) > 1 else ():
            if trial.number not in again:
                self._read(trial)

    def _read(self, trial: FrozenTrial) -> None:
        """Take over what an earlier run left."""
        record = TrialRecord.of(trial)
        if record.configuration is None or record.seed is None:
            return
        if trial.state in COUNTED:
            self.begin(trial.number, record)
        if trial.state == TrialState.COMPLETE:
            self.complete(trial.number, record, trial.values[0])
        elif trial.state == TrialState.PRUNED:
            self.pruned(record)
        elif trial.state == TrialState.FAIL:
            self.failed(trial.number, record)

    def begin(self, number: int, record: TrialRecord) -> None:
        """A trial is asked."""
        assert record.configuration is not None
        assert record.seed is not None
        if record.replicate_of is None:
            if record.retry_of is not None:
                self._fresh.discard(record.retry_of)
            self._fresh.add(number)
        known = self._known.setdefault(record.configuration, _Known(number))
        known.under_way.add(record.seed)

    def complete(self, number: int, record: TrialRecord, value: float) -> None:
        """A trial has its value."""
        if known := self._ended(record):
            assert record.seed is not None
            known.number = min(number, known.number) if known.values else number
            known.values[record.seed] = objective.gain(self._goal, value)
            known.metrics.append(record.metrics)

    def pruned(self, record: TrialRecord) -> None:
        """A trial was pruned; it does not race."""
        self._ended(record)

    def failed(self, number: int, record: TrialRecord) -> None:
        """A trial has failed for good, which makes room for another new configuration."""
        self._fresh.discard(number)
        if known := self._ended(record):
            known.lost |= record.replicate_of is not None

    def _ended(self, record: TrialRecord) -> _Known | None:
        """A trial is under way no more; of its configuration, what is known."""
        assert record.configuration is not None
        assert record.seed is not None
        known = self._known.get(record.configuration)
        if known:
            known.under_way.discard(record.seed)
        return known

    def next(self) -> tuple[int, int] | None:
        """Whose configuration, by the number of its first trial, is to have which seed next."""
        if len(self._seeds) == 1 or len(self._fresh) < self._new:
            return None
        worth = self._worth()
        kept = {known.number: known for c, known in self._known.items() if self._keeps(c, known)}
        for number in sorted(
            kept.keys() & worth.keys(), key=lambda number: (-worth[number], number)
        ):
            known = kept[number]
            seeds = [seed for seed in self._seeds if seed not in known.values]
            if seeds and not known.under_way and not known.lost:
                return known.number, seeds[0]
        return None

    def _worth(self) -> dict[int, float]:
        """By which trials are in line: what is believed of them, and half a deviation."""
        complete = self._optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) != self._judged:
            found = beliefs(self._study, complete)
            self._judged = len(complete)
            self._in_line = {number: in_line(*worth) for number, worth in found.items()}
        return self._in_line

    def _keeps(self, configuration: Configuration, known: _Known) -> bool:
        """Whether it has a value, and keeps every constraint in the mean over its seeds."""
        if not known.metrics or not self._goal.constraints:
            return bool(known.metrics)
        metrics, experts = objective.mean(known.metrics), expert_count(configuration)
        return objective.keeps(objective.violations(self._goal, metrics, experts))


def enqueue(optuna_study: optuna.Study, number: int, seed: int) -> None:
    """Queue a replicate of a trial."""
    trial = optuna_study.get_trials(deepcopy=False)[number]
    record = TrialRecord(replicate_of=number, seed=seed)
    optuna_study.enqueue_trial(trial.params, user_attrs=record.attributes())
