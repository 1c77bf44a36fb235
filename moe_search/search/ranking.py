"""The best configurations of a study, and what the finalists' numbers say."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.intervals import UNKNOWN, Interval
from moe_search.moe.cost import Cost
from moe_search.search.ledger import FinalistRecord, StudyRecord, TrialRecord
from moe_search.search.objective import deciding, gain, keeps, mean
from moe_search.search.racing.finalists import (
    LEVEL,
    by_trial,
    final_race,
    judged,
    missed,
    taken,
)
from moe_search.search.racing.race import race
from moe_search.search.study_store import COUNTED
from moe_search.spec import METRICS, Configuration
from moe_search.spec.sections import Objective


def interval_of(metric: str, values: Sequence[float], samples: int | None) -> Interval:
    """The interval of a metric over seeds.

    Args:
        metric: its name.
        values: one a seed.
        samples: of the split; None where their number is not known.
    """
    if METRICS[metric].counted:
        return Interval.of_share(values, samples)
    return Interval.of(values)


@dataclass(frozen=True)
class FinalistResult:
    """One of the best configurations, trained again over fresh seeds.

    Attributes:
        trial: the trial that found it.
        name: of its network, in a few words.
        seeds: how many there are so far.
        value: mean over them, on validation, of the objective or of a front's metric that chooses.
        values: the same of each seed.
        chosen: the same in the search, by which it became a finalist.
        lead: its values less the first finalist's over the seeds of both, more being better, with
            the race's interval; not known of the first itself.
        out: whether it could no longer win, and got no more seeds.
        simplest: whether it stands first because its answers cost least of those as good.
        chosen_by: which one that is.
        test: each metric on the test split, entropies in bits.
        errors: test error of each seed.
        champion: whether it is the one that is registered.
        feasible: whether its means on validation keep every constraint.
        violations: by how much they miss each; kept where at most 0.
        cost: of one answer of its model, where it is known.
    """

    trial: int
    name: str
    seeds: int
    value: float
    test: dict[str, Interval]
    errors: tuple[float, ...]
    champion: bool
    values: tuple[float, ...] = ()
    chosen: float = math.nan
    lead: Interval = UNKNOWN
    out: bool = False
    simplest: bool = False
    feasible: bool = True
    violations: dict[str, float] = field(default_factory=dict)
    chosen_by: str = "objective"
    cost: Cost | None = None

    @property
    def missed(self) -> str:
        """The constraints that it misses, and by how much."""
        missed = {name: by for name, by in self.violations.items() if not by <= 0}
        return ", ".join(f"{name} missed by {by:.3g}" for name, by in missed.items())


@dataclass(frozen=True)
class Tried:
    """A configuration that was trained to its end, from one seed or more.

    Attributes:
        trials: of it, the best first.
        values: the objective, means over its trials; along a front those of the first.
        feasible: whether it keeps every constraint, likewise.
        believed: mean and standard deviation of what it is worth by all that is known; None where
            nothing is believed.
    """

    trials: tuple[FrozenTrial, ...]
    values: tuple[float, ...]
    feasible: bool
    believed: tuple[float, float] | None = None


def best_trials(
    objective: Objective, optuna_study: optuna.Study, count: int, choose: str | None = None
) -> list[FrozenTrial]:
    """A trial of each of the best configurations, so many at most.

    It is the best of the configuration's; or the one by which that is a finalist already, as
    further trials of a study that goes on may be better.
    """
    known = Counter(record.trial for record in StudyRecord.of(optuna_study).finalists)
    best = best_configurations(objective, optuna_study, choose)
    return [max(tried.trials, key=lambda trial: known[trial.number]) for tried in best[:count]]


def best_configurations(
    objective: Objective, optuna_study: optuna.Study, choose: str | None = None
) -> list[Tried]:
    """Distinct ones, the feasible first: by what is believed of them, or along the front.

    Before a search has ended nothing is believed: the surest mean is first then (``race``).

    Args:
        objective: of the study.
        optuna_study: with its trials.
        choose: the metric by which a front is ranked; None for its first.
    """
    place = deciding(objective, choose)
    trials = optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if objective.pareto is not None:
        front = {trial.number for trial in optuna_study.best_trials}
        trials = [trial for trial in trials if trial.number in front] or trials
    groups = _configurations(objective, trials, place)
    if objective.pareto is not None:
        return [Tried(tuple(of), tuple(of[0].values), keeps(of[0].constraints)) for of in groups]
    tried = {of[0].number: _together(of) for of in groups}
    believed = StudyRecord.of(optuna_study).believed or {}
    if not tried or not believed.keys() >= tried.keys():
        return [tried[number] for number in _surest(objective, tried)]
    return by_belief(objective, trials, believed)


def by_belief(
    objective: Objective,
    trials: Sequence[FrozenTrial],
    believed: Mapping[int, tuple[float, float]],
) -> list[Tried]:
    """Configurations, the feasible first, by what is believed of them.

    Args:
        objective: of the study, a single one.
        trials: complete ones.
        believed: of each trial, see ``surrogate.beliefs``.
    """
    tried = [
        replace(_together(of), believed=believed[of[0].number])
        for of in _configurations(objective, trials)
    ]
    return sorted(
        tried,
        key=lambda t: (not t.feasible, -believed[t.trials[0].number][0], t.trials[0].number),
    )


def _configurations(
    objective: Objective, trials: Sequence[FrozenTrial], place: int = 0
) -> list[list[FrozenTrial]]:
    """Trials by their configuration, the best first, of one of the objectives."""
    ranked = sorted(
        trials,
        key=lambda t: (
            not keeps(t.constraints),
            -gain(objective, t.values[place], place),
            t.number,
        ),
    )
    groups: dict[Configuration | None, list[FrozenTrial]] = {}
    for trial in ranked:
        groups.setdefault(TrialRecord.of(trial).configuration, []).append(trial)
    return list(groups.values())


def _together(trials: Sequence[FrozenTrial]) -> Tried:
    """The trials of one configuration, each from another seed."""
    values = tuple(map(float, np.mean([trial.values for trial in trials], axis=0)))
    return Tried(tuple(trials), values, keeps(mean([trial.constraints for trial in trials])))


def _surest(objective: Objective, tried: Mapping[int, Tried]) -> list[int]:
    """Configurations in order by the numbers of their first trials; feasible ones race apart."""
    ordered: list[int] = []
    for feasible in (True, False):
        values = {
            number: {_seed(trial): gain(objective, trial.values[0]) for trial in one.trials}
            for number, one in tried.items()
            if one.feasible == feasible
        }
        if values:
            standings = race(values, LEVEL).standings
            ordered += [s.key for s in sorted(standings, key=lambda s: (-s.sure, s.key))]
    return ordered


def _seed(trial: FrozenTrial) -> int:
    """The seed of a trial; of one whose record lacks it, a number that no seed is."""
    seed = TrialRecord.of(trial).seed
    return -1 - trial.number if seed is None else seed


def standing(objective: Objective, optuna_study: optuna.Study) -> tuple[float | None, int]:
    """The best value, and how many trials were asked since what is best was found.

    That is the first trial of the configuration with the best mean over its seeds: neither a lucky
    value that another seed takes back counts as better, nor another seed of the same. Trials are
    counted by number: clocks may jump.

    Only what is feasible counts as best; there is no value before the first of it. Of several
    objectives there is none either, and what counts is when the front last moved.
    """
    pareto = objective.pareto is not None
    try:
        best = optuna_study.best_trials if pareto else [optuna_study.best_trial]
    except ValueError:
        best = []
    reached = max((trial.number for trial in best), default=-1)
    tried = [] if pareto else best_configurations(objective, optuna_study)
    if feasible := [one for one in tried if one.feasible]:
        leader = max(feasible, key=lambda one: gain(objective, one.values[0]))
        reached = min(trial.number for trial in leader.trials)
    counted = optuna_study.get_trials(deepcopy=False, states=COUNTED)
    since = sum(trial.number > reached for trial in counted)
    return (best[0].value if best and not pareto else None), since


def finalists(
    objective: Objective,
    optuna_study: optuna.Study,
    choose: str | None = None,
    anew: bool = False,
) -> list[FinalistResult]:
    """The finalists so far: the champion, then feasible ones as they stand in their race.

    Of a front they stand by the metric to choose by, or its first, and the best in it is taken.

    Args:
        objective, choose: the study's.
        optuna_study: the study in its store.
        anew: whether the champion is chosen by what is known now; else the one that is registered
            stays it, while there is one.
    """
    place = deciding(objective, choose)
    study, trials = StudyRecord.of(optuna_study), optuna_study.get_trials(deepcopy=False)
    if not study.finalists:
        return []
    champion = study.champion.trial if study.champion else None
    samples = study.samples.get("test")
    own = by_trial(study.finalists)
    costs = {trial: known for trial in own if (known := TrialRecord.of(trials[trial]).cost)}
    finals = final_race(objective, study.finalists, place)
    simplest = taken(finals, {} if objective.pareto else costs)
    standings = {standing.key: standing for standing in finals.standings}
    first = champion if champion in standings and not anew else simplest
    chosen = {
        trial.number: tried.values[place]
        for tried in best_configurations(objective, optuna_study, choose)
        for trial in tried.trials
    }
    results = [
        replace(
            _result(objective, place, trials[trial], records, samples),
            champion=trial == champion,
            chosen=chosen.get(trial, math.nan),
            lead=finals.lead(trial, first).interval
            if trial in standings and trial != first
            else UNKNOWN,
            out=trial not in standings or standings[trial].out,
            simplest=trial == first == simplest != finals.standings[0].key,
        )
        for trial, records in own.items()
    ]
    places = {trial: n for n, trial in enumerate(standings, 1)} | {first: 0}
    return sorted(
        results,
        key=lambda r: (
            places.get(r.trial, len(own) + 1),
            -gain(objective, r.value, place),
            r.trial,
        ),
    )


def _result(
    objective: Objective,
    place: int,
    trial: FrozenTrial,
    records: Sequence[FinalistRecord],
    samples: int | None,
) -> FinalistResult:
    """What the seeds of a finalist come to together, wherever it stands."""
    misses = missed(objective, records)
    values = tuple(judged(objective, record, place) for record in records)
    return FinalistResult(
        trial=trial.number,
        name=TrialRecord.of(trial).name,
        seeds=len(records),
        value=float(np.mean(values)),
        test={
            metric: interval_of(metric, [record.test[metric] for record in records], samples)
            for metric in METRICS
        },
        errors=tuple(record.test["error"] for record in records),
        champion=False,
        values=values,
        feasible=keeps(misses),
        violations=misses,
        chosen_by=objective.names[place],
        cost=TrialRecord.of(trial).cost,
    )
