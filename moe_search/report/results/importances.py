"""Which hyperparameters decided how good a trial became."""

import warnings

import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.search.objective import directions, metric_names
from moe_search.spec import Study

FEWEST = 10
"""Complete trials below which importances would say nothing."""

Importances = dict[str, dict[str, float]]
"""By objective, then by path: shares that add up to 1, largest first."""


def importances(study: Study, optuna_study: optuna.Study) -> Importances:
    """How much each searched value matters for being among the best tenth (PED-ANOVA).

    Empty where fewer than ``FEWEST`` trials are complete, or nothing is searched.
    """
    complete = optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < FEWEST or not study.parameters:
        return {}
    return {
        name: _importances(optuna_study, index, -1 if direction == "maximize" else 1)
        for index, (name, direction) in enumerate(
            zip(metric_names(study.objective), directions(study.objective), strict=True)
        )
    }


def _importances(optuna_study: optuna.Study, index: int, sign: int) -> dict[str, float]:
    """Importances for one objective; Optuna wants one that is to be small."""

    def target(trial: FrozenTrial) -> float:
        return sign * float(trial.values[index])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials and of the sign, which are seen to
        return optuna.importance.get_param_importances(optuna_study, target=target)
