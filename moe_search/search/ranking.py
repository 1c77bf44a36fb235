"""The best configurations of a study, and what the finalists' numbers say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.errors import UserError
from moe_search.intervals import Interval
from moe_search.search.ledger import FinalistRecord, StudyRecord, TrialRecord
from moe_search.search.objective import deciding, gain, keeps, mean, normalised, violations
from moe_search.search.study_store import COUNTED
from moe_search.spec import METRICS, Configuration
from moe_search.spec.sections import Objective
from moe_search.words import one_line


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
        chosen_by: which one that is.
        test: each metric on the test split, entropies in bits.
        errors: test error of each seed.
        champion: whether it is the one that is registered.
        feasible: whether its means on validation keep every constraint.
        violations: by how much they miss each; kept where at most 0.
    """

    trial: int
    name: str
    seeds: int
    value: float
    test: dict[str, Interval]
    errors: tuple[float, ...]
    champion: bool
    feasible: bool = True
    violations: dict[str, float] = field(default_factory=dict)
    chosen_by: str = "objective"

    @property
    def missed(self) -> str:
        """The constraints that it misses, and by how much."""
        missed = {name: by for name, by in self.violations.items() if not by <= 0}
        return ", ".join(f"{name} missed by {by:.3g}" for name, by in missed.items())


def best_trials(
    objective: Objective, optuna_study: optuna.Study, count: int, choose: str | None = None
) -> list[FrozenTrial]:
    """The best distinct configurations: feasible ones first, by value or along the front.

    Args:
        objective: of the study.
        optuna_study: with its trials.
        count: how many there shall be at most.
        choose: the metric by which a front is ranked; None for its first.
    """
    place = deciding(objective, choose)
    trials = optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if objective.pareto is not None:
        front = {trial.number for trial in optuna_study.best_trials}
        trials = [trial for trial in trials if trial.number in front] or trials
    ranked = sorted(
        trials,
        key=lambda t: (
            not keeps(t.constraints),
            -gain(objective, t.values[place], place),
            t.number,
        ),
    )
    distinct: dict[Configuration | None, FrozenTrial] = {}
    for trial in ranked:
        distinct.setdefault(TrialRecord.of(trial).configuration, trial)
    return list(distinct.values())[:count]


def best_in_words(
    objective: Objective, optuna_study: optuna.Study, choose: str | None = None
) -> str:
    """Which trials are the best so far; empty before there is one.

    What the Optuna dashboard (0.21) calls the best does not depend on constraints.
    """
    best = best_trials(objective, optuna_study, 12 if objective.pareto else 1, choose)
    if not best:
        return ""
    numbers = ", ".join(str(trial.number) for trial in best)
    words = (
        f"Best on the front: trials {numbers}." if objective.pareto else f"Best: trial {numbers}."
    )
    if not keeps(best[0].constraints):
        words += " No trial keeps the constraints."
    elif objective.constraints:
        words += " What this page itself calls the best may miss the constraints."
    return words


def standing(objective: Objective, optuna_study: optuna.Study) -> tuple[float | None, int]:
    """The best value, and how many trials were asked after its own, by number: clocks may jump.

    Only feasible trials count as best; there is no value before the first of them. Of several
    objectives there is none either, and what counts is when the front last moved.
    """
    pareto = objective.pareto is not None
    try:
        best = optuna_study.best_trials if pareto else [optuna_study.best_trial]
    except ValueError:
        best = []
    reached = max((trial.number for trial in best), default=-1)
    counted = optuna_study.get_trials(deepcopy=False, states=COUNTED)
    since = sum(trial.number > reached for trial in counted)
    return (best[0].value if best and not pareto else None), since


def finalists(
    objective: Objective, optuna_study: optuna.Study, choose: str | None = None
) -> list[FinalistResult]:
    """The finalists so far: feasible ones first, then by their mean value on validation.

    Of a front it is the value of the metric to choose by, or of its first.
    """
    place = deciding(objective, choose)
    study, trials = StudyRecord.of(optuna_study), optuna_study.get_trials(deepcopy=False)
    by_trial: dict[int, list[FinalistRecord]] = {}
    for record in study.finalists:
        by_trial.setdefault(record.trial, []).append(record)
    champion = study.champion.trial if study.champion else None
    samples = study.samples.get("test")
    results = [
        _result(
            objective,
            place,
            TrialRecord.of(trials[trial]).name,
            records,
            trial == champion,
            samples,
        )
        for trial, records in by_trial.items()
    ]
    return sorted(
        results, key=lambda r: (not r.feasible, -gain(objective, r.value, place), r.trial)
    )


def judged(objective: Objective, record: FinalistRecord, place: int) -> float:
    """A finalist's value that ranks it."""
    if not place:
        return record.value
    name = objective.names[place]
    return normalised(name, record.validation[name], record.experts)


def _result(
    objective: Objective,
    place: int,
    name: str,
    records: Sequence[FinalistRecord],
    champion: bool,
    samples: int | None,
) -> FinalistResult:
    """What the seeds of one finalist come to together."""
    first = records[0]
    missed = violations(objective, mean([record.validation for record in records]), first.experts)
    return FinalistResult(
        trial=first.trial,
        name=name,
        seeds=len(records),
        value=float(np.mean([judged(objective, record, place) for record in records])),
        test={
            metric: interval_of(metric, [record.test[metric] for record in records], samples)
            for metric in METRICS
        },
        errors=tuple(record.test["error"] for record in records),
        champion=champion,
        feasible=keeps(missed),
        violations=missed,
        chosen_by=objective.names[place],
    )


_NO_FAULT = ("interrupted", "its coordinator died")
"""Reasons of failed trials that say nothing of the study."""


def failures(optuna_study: optuna.Study) -> list[str]:
    """Why trials failed for good, the most frequent reason first; nothing once any was trained."""
    trials = optuna_study.get_trials(deepcopy=False)
    if any(trial.state in COUNTED for trial in trials):
        return []
    records = {trial.number: TrialRecord.of(trial) for trial in trials}
    again = {record.retry_of for record in records.values()}
    reasons = Counter(
        records[trial.number].reason
        for trial in trials
        if trial.state == TrialState.FAIL and trial.number not in again
    )
    for reason in ("", *_NO_FAULT):
        del reasons[reason]
    return [reason for reason, count in reasons.most_common() for _ in range(count)]


def check_hope(optuna_study: optuna.Study, most: int) -> None:
    """Refuse a study of which no trial was trained and more than some have failed.

    Raises:
        UserError: it is one; with the most frequent reason.
    """
    reasons = failures(optuna_study)
    if len(reasons) > most:
        name, count = optuna_study.study_name, len(reasons)
        raise UserError(
            one_line(
                f"study {name!r}: all {count} trials failed, most often by: {reasons[0]}; mend "
                f"that, then go on with --set search.max_failures={count + 10}"
            )
        )
