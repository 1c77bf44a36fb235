"""Which hyperparameters decided how good a trial became."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

from moe_search.search.study_store import COUNTED
from moe_search.spec import Study
from moe_search.stores.checks import hushed

FEWEST = 10
"""Trials, pruned ones included, below which importances would say nothing."""

TOO_FEW = f"Importances of the searched values need {FEWEST} trials, pruned ones included."

_FEWEST_BEST = 5  # as Optuna's evaluator advises
_BEST = 0.1


@dataclass(frozen=True)
class Importances:
    """How much each searched value matters for a trial to be among the best.

    Attributes:
        shares: by objective, then by path; they add up to 1, largest first.
        best: how many trials are taken for the best.
        trials: of how many, pruned ones included.
    """

    shares: dict[str, dict[str, float]]
    best: int
    trials: int


def importances(study: Study, optuna_study: optuna.Study) -> Importances | None:
    """Importances by conditional PED-ANOVA (arXiv 2304.10255, 2601.20800) of a study's ranking.

    It asks how the distribution of a value among the best trials differs from that among all. So
    only the order of the trials counts, and pruned ones have a place in it: that of Optuna's TPE
    sampler, behind all complete ones, those that came further first. Infeasible trials are last.

    The best are a tenth of the trials, at least five, and never more than half of them. A value
    that never varied has importance 0; to Optuna 5 it looks like a sharp preference.

    Returns:
        None where there are fewer than ``FEWEST`` trials, or nothing is searched.
    """
    trials = optuna_study.get_trials(deepcopy=False, states=COUNTED)
    if len(trials) < FEWEST or not study.parameters:
        return None
    best = min(max(math.ceil(_BEST * len(trials)), _FEWEST_BEST), len(trials) // 2)
    names = study.objective.names
    signs = [-1 if direction == "maximize" else 1 for direction in study.objective.directions]
    shares = {
        name: _shares(trials, _places(trials, index, sign), best / len(trials))
        for index, (name, sign) in enumerate(zip(names, signs, strict=True))
    }
    return Importances(shares, best, len(trials))


def _shares(
    trials: Sequence[FrozenTrial], places: Sequence[int], quantile: float
) -> dict[str, float]:
    values: dict[str, set[Any]] = {}
    for trial in trials:
        for path, value in trial.params.items():
            values.setdefault(path, set()).add(value)
    varied = [path for path in sorted(values) if len(values[path]) > 1]
    constant = dict.fromkeys((path for path in sorted(values) if path not in varied), 0.0)
    if not varied:
        return constant
    with hushed("optuna"):  # of a study that nobody asked for
        ranking = optuna.create_study(direction="minimize")
    ranking.add_trials(
        create_trial(value=place, params=trial.params, distributions=trial.distributions)
        for trial, place in zip(trials, places, strict=True)
    )
    evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that few trials have
        shares = optuna.importance.get_param_importances(
            ranking, evaluator=evaluator, params=varied
        )
    return shares | constant


def _places(trials: Sequence[FrozenTrial], index: int, sign: int) -> list[int]:
    """The place of each trial by one objective, from 0; trials that are alike share one."""

    def key(trial: FrozenTrial) -> tuple[float, ...]:
        missed = sum(max(violation, 0.0) for violation in trial.constraints.values())
        if missed > 0:
            return 2, missed, 0
        if trial.state == TrialState.COMPLETE:
            return 0, sign * trial.values[index], 0
        if not trial.intermediate_values:  # several objectives have none
            return 1, 0, 0
        epoch, value = max(trial.intermediate_values.items())
        return 1, -epoch, sign * value

    keys = [key(trial) for trial in trials]
    places = {one: place for place, one in enumerate(sorted(set(keys)))}
    return [places[one] for one in keys]
