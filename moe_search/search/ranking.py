"""The best configurations of a study, and what the finalists' numbers say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from scipy import stats

from moe_search.search.objective import gain
from moe_search.search.study_store import COUNTED
from moe_search.spec import Study

FINALISTS = "finalists"
"""User attribute of the study: one record a finalist and seed."""

CHAMPION = "champion"
"""User attribute of the study: the record of the registered model, with its ``uri``."""


@dataclass(frozen=True)
class Interval:
    """Mean, standard deviation (unbiased) and 95 % confidence interval of the mean over seeds."""

    mean: float
    deviation: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Interval":
        """By Student's t; of one value only the mean is known."""
        mean = float(np.mean(values))
        if len(values) < 2:
            return Interval(mean, math.nan, math.nan, math.nan)
        deviation = float(np.std(values, ddof=1))
        half = float(stats.t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))
        return Interval(mean, deviation, mean - half, mean + half)


@dataclass(frozen=True)
class Finalist:
    """One of the best configurations, trained again over fresh seeds.

    Attributes:
        trial: the trial that found it.
        records: one a seed, see ``finals.Record``.
        value: mean first objective on validation, by which the champion is chosen.
        test: each metric on the test split.
    """

    trial: int
    records: tuple[dict[str, Any], ...]
    value: float
    test: dict[str, Interval]


def best_trials(study: Study, kept: optuna.Study, count: int) -> list[FrozenTrial]:
    """The best distinct configurations: feasible ones first, by value or along the front."""
    trials = kept.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if study.objective.pareto is not None:
        front = {trial.number for trial in kept.best_trials}
        trials = [trial for trial in trials if trial.number in front] or trials
    ranked = sorted(trials, key=lambda t: (not is_feasible(t), -gain(study, t.values[0]), t.number))
    distinct: dict[str, FrozenTrial] = {}
    for trial in ranked:
        distinct.setdefault(trial.user_attrs["configuration"], trial)
    return list(distinct.values())[:count]


def standing(study: Study, kept: optuna.Study) -> tuple[float | None, int]:
    """The best value, and how many trials were asked after its own, by number: clocks may jump.

    Only feasible trials count as best; there is no value before the first of them. Of several
    objectives there is none either, and what counts is when the front last moved.
    """
    pareto = study.objective.pareto is not None
    try:
        best = kept.best_trials if pareto else [kept.best_trial]
    except ValueError:
        best = []
    reached = max((trial.number for trial in best), default=-1)
    since = sum(trial.number > reached for trial in kept.get_trials(deepcopy=False, states=COUNTED))
    return (best[0].value if best and not pareto else None), since


def is_feasible(trial: FrozenTrial) -> bool:
    """Whether a trial keeps every constraint."""
    return all(violation <= 0 for violation in trial.constraints.values())


def finalists(study: Study, kept: optuna.Study) -> list[Finalist]:
    """The finalists so far, best first by their mean value on validation."""
    by_trial: dict[int, list[dict[str, Any]]] = {}
    for record in kept.user_attrs.get(FINALISTS, []):
        by_trial.setdefault(record["trial"], []).append(record)
    found = [
        Finalist(
            trial,
            tuple(records),
            float(np.mean([record["value"] for record in records])),
            {
                name: Interval.of([record["test"][name] for record in records])
                for name in records[0]["test"]
            },
        )
        for trial, records in by_trial.items()
    ]
    return sorted(found, key=lambda finalist: (-gain(study, finalist.value), finalist.trial))
