"""A sampler by a Gaussian process that knows conditions, noise and what is under way.

Shape suffixes: N trial, C candidate, D hyperparameter.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from benchmarks.replay.process import Bools, Floats, Process
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import norm

Distributions = dict[str, BaseDistribution]

_START = 8
_CANDIDATES = 512
_NEAR = 64  # of the candidates lie around the best so far
_SPREAD = 0.1


class ProcessSampler(BaseSampler):
    """Proposes what is expected to improve most on the best posterior mean.

    The first trials are drawn at random. What is under way counts as observed at its mean. A
    hyperparameter that has no meaning beside the others is proposed too, and is not asked for.

    Args:
        seed: of all draws.
    """

    def __init__(self, seed: int) -> None:
        self._random = RandomSampler(seed=seed)
        self._rng = np.random.default_rng(seed)
        self._fitted: tuple[int, Process] | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> Distributions:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < _START:
            return {}
        return {path: one for trial in complete for path, one in trial.distributions.items()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: Distributions
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        space = _Space(search_space)
        process = self._process(study, space)
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        places = [space.place(other.params) for other in running if other.number != trial.number]
        if places:
            process = process.believing(np.array(places))
        mean_N, _ = process.posterior(process.place_ND)
        candidate_CD = self._candidates(space, process.place_ND[mean_N.argmax()])
        mean_C, deviation_C = process.posterior(candidate_CD)
        z_C = (mean_C - mean_N.max()) / deviation_C
        improvement_C = deviation_C * (z_C * norm.cdf(z_C) + norm.pdf(z_C))
        return space.params(candidate_CD[improvement_C.argmax()])

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _process(self, study: optuna.Study, space: "_Space") -> Process:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if self._fitted is None or self._fitted[0] != len(complete):
            place_ND = np.array([space.place(trial.params) for trial in complete])
            value_N = np.array([trial.values[0] for trial in complete])
            fitted = Process.fit(place_ND, space.kinds_D, value_N, np.ones(len(complete)))
            self._fitted = len(complete), fitted
        return self._fitted[1]

    def _candidates(self, space: "_Space", best_D: Floats) -> Floats:
        """Places anywhere, and some near the best that is known."""
        place_CD = self._rng.random((_CANDIDATES, len(best_D)))
        near_CD = best_D + self._rng.normal(0, _SPREAD, (_NEAR, len(best_D)))
        place_CD[:_NEAR] = np.where(
            space.kinds_D | np.isnan(best_D), place_CD[:_NEAR], near_CD.clip(0, 1)
        )
        return np.array([space.place(space.params(place_D)) for place_D in place_CD])


class _Space:
    """Places of parameters in the unit cube.

    Attributes:
        kinds_D: which are categorical.
    """

    def __init__(self, distributions: Distributions) -> None:
        self._distributions = distributions
        self.kinds_D: Bools = np.array(
            [isinstance(one, CategoricalDistribution) for one in distributions.values()]
        )

    def place(self, params: Mapping[str, Any]) -> Floats:
        """NaN where a parameter is not among them."""
        return np.array(
            [
                _place(one, params[path]) if path in params else np.nan
                for path, one in self._distributions.items()
            ]
        )

    def params(self, place_D: Floats) -> dict[str, Any]:
        """The parameters at a place."""
        pairs = zip(self._distributions.items(), place_D, strict=True)
        return {path: _param(one, float(place)) for (path, one), place in pairs}


def _place(distribution: BaseDistribution, value: Any) -> float:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return (choices.index(value) + 0.5) / len(choices)
        case IntDistribution(low=low, high=high):
            return float((value - low + 0.5) / (high - low + 1))
        case FloatDistribution(low=low, high=high, log=True):
            return float(np.log(value / low) / np.log(high / low))
        case FloatDistribution(low=low, high=high):
            return float((value - low) / (high - low))
    raise TypeError(f"no place in {distribution}")


def _param(distribution: BaseDistribution, place: float) -> Any:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return choices[min(int(place * len(choices)), len(choices) - 1)]
        case IntDistribution(low=low, high=high):
            return min(low + int(place * (high - low + 1)), high)
        case FloatDistribution(low=low, high=high, log=True):
            return float(np.clip(low * (high / low) ** place, low, high))
        case FloatDistribution(low=low, high=high):
            return low + place * (high - low)
    raise TypeError(f"no place in {distribution}")
