"""A Gaussian process that knows conditions, fits the noise of seeds, and knows what is under way.

Shape suffixes: N trial, C candidate, D searched hyperparameter, K constraint.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import norm, qmc

from moe_search.search.suggest import distribution
from moe_search.search.surrogate.cube import Cube, Floats
from moe_search.search.surrogate.earlier import Earlier
from moe_search.search.surrogate.process import Process
from moe_search.spec import Study

_START = 8
"""Trials that fill the space evenly, before there is a process."""

_CANDIDATES = 1024
_NEAR = 128  # of the candidates lie around the best so far
_SPREAD = 0.1

_RENEWED = 1.05
"""Lengths and noise are fitted anew once there are so many times as many trials."""


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """Ours."""
    return NoisyGPSampler(study, seed, earlier)


class NoisyGPSampler(BaseSampler):
    """Proposes what is expected to improve most on the best posterior mean.

    The first trials are a scrambled Sobol sequence. Expected improvement (Jones, Schonlau & Welch
    1998) is over the best posterior mean of what was observed, as the best of noisy values is a
    lucky one (the plug-in of Picheny, Wagner & Ginsbourger 2013). It is multiplied by the
    probability that each constraint is kept (Schonlau, Welch & Jones 1998), which has a process of
    its own. What is under way counts as observed at its mean. A pruned trial counts with the last
    value it reported.

    Args:
        study: what is searched; one objective.
        seed: of all draws but the sequence, which goes on by itself.
        earlier: results of other studies. Each is one kind more of a hyperparameter, which study it
            is of, and its values count by how they stand among those of that study.
    """

    def __init__(self, study: Study, seed: int, earlier: Earlier) -> None:
        self._seeds = study.search.seeds
        self._first_seed = study.search.seed
        self._space = {one.path: distribution(one.domain) for one in study.parameters}
        self._cube = Cube(study.parameters)
        self._kinds_D = np.append(self._cube.kinds_D, True)  # of which study
        self._earlier_ND, self._earlier_N = self._known(earlier)
        self._random = RandomSampler(seed=seed)
        self._rng = np.random.default_rng(seed)
        self._fitted: dict[int, Process] = {}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All of it; what has no meaning beside the others is not asked for."""
        return self._space

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next configuration, by path."""
        ended = [one for one in study.get_trials(deepcopy=False) if _value(one) is not None]
        if len(ended) + len(self._earlier_N) < _START:
            return dict(self._cube.values(self._start(trial.number)))
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        others = (one.params for one in running if one.number != trial.number)
        processes = self._processes(ended, self._places(others))
        candidate_CD = self._candidates(processes[0])
        worth_C = _improvement(*processes, candidate_CD=candidate_CD)
        return dict(self._cube.values(candidate_CD[worth_C.argmax(), :-1]))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """At random: what has no meaning where it was proposed, but beside a point's values."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _start(self, number: int) -> Floats:
        """One point of the sequence, [D]."""
        sequence = qmc.Sobol(len(self._space), scramble=True, rng=self._first_seed)
        return np.asarray(sequence.random_base2(number.bit_length())[number])

    def _places(self, values: Iterable[Mapping[str, Any]], study: int = 0) -> Floats:
        """Of trials of this study, or of an earlier one, [N, D]."""
        places = [np.append(self._cube.place(one), study) for one in values]
        return np.array(places).reshape(len(places), len(self._kinds_D))

    def _known(self, earlier: Earlier) -> tuple[Floats, Floats]:
        """Places, [N, D], and values, [N], of earlier studies, each standardised for itself."""
        place_ND, value_N = [self._places([])], [np.empty(0)]
        for number, results in enumerate(earlier.results, 1):
            gains = np.array([gain for _, gain in results])
            place_ND.append(self._places((values for values, _ in results), number))
            value_N.append((gains - gains.mean()) / (gains.std() or 1.0) if len(gains) else gains)
        return np.concatenate(place_ND), np.concatenate(value_N)

    def _processes(self, ended: list[FrozenTrial], under_way_ND: Floats) -> list[Process]:
        """Of the value, which is maximized, and of by how much each constraint is missed."""
        place_ND = self._places(one.params for one in ended)
        value_N = np.array([_value(one) for one in ended], float)
        level, spread = (value_N.mean(), value_N.std() or 1.0) if len(ended) > 1 else (0.0, 1.0)
        processes = [
            self._process(
                0,
                np.concatenate([place_ND, self._earlier_ND]),
                np.concatenate([value_N, level + spread * self._earlier_N]),
            )
        ]
        whole = [n for n, one in enumerate(ended) if one.constraints]
        if whole:
            missed_NK = np.array([list(ended[n].constraints.values()) for n in whole])
            processes += [
                self._process(1 + k, place_ND[whole], missed_N)
                for k, missed_N in enumerate(missed_NK.T)
            ]
        return [process.believing(under_way_ND) for process in processes]

    def _process(self, which: int, place_ND: Floats, value_N: Floats) -> Process:
        """Of one number over all trials; its lengths and variances last for a while."""
        last = self._fitted.get(which)
        seeds_N = np.full(len(value_N), float(self._seeds))
        data = place_ND, self._kinds_D, value_N, seeds_N
        if last is not None and len(value_N) < _RENEWED * len(last.value_N):
            return Process.of(*data, last.logs)
        self._fitted[which] = Process.fit(*data)
        return self._fitted[which]

    def _candidates(self, process: Process) -> Floats:
        """Places anywhere, [C, D], and some near the best that is known."""
        mean_N, _ = process.posterior(_here(process.place_ND))
        best_D = process.place_ND[mean_N.argmax(), :-1]
        place_CD = self._rng.random((_CANDIDATES, len(best_D)))
        near_CD = best_D + self._rng.normal(0, _SPREAD, (_NEAR, len(best_D)))
        place_CD[:_NEAR] = np.where(
            self._cube.kinds_D | np.isnan(best_D), place_CD[:_NEAR], near_CD.clip(0, 1)
        )
        return self._places(self._cube.values(place_D) for place_D in place_CD)


def _here(place_ND: Floats) -> Floats:
    """The same places, in this study."""
    return np.column_stack([place_ND[:, :-1], np.zeros(len(place_ND))])


def _value(trial: FrozenTrial) -> float | None:
    """What a trial came to: its value, or the last one that it reported before it was pruned."""
    if trial.state == TrialState.COMPLETE:
        return float(trial.values[0])
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        return trial.intermediate_values[max(trial.intermediate_values)]
    return None


def _improvement(value: Process, *missed: Process, candidate_CD: Floats) -> Floats:
    """What each candidate is expected to improve, [C].

    While nothing is believed to keep the constraints, it is the probability of keeping them.
    """
    chance_C = np.ones(len(candidate_CD))
    kept_N = np.ones(len(value.place_ND), dtype=bool)
    for process in missed:
        mean_C, deviation_C = process.posterior(candidate_CD)
        chance_C *= norm.cdf(-mean_C / deviation_C)
        kept_N &= process.posterior(_here(value.place_ND))[0] <= 0
    if not kept_N.any():
        return chance_C
    best = value.posterior(_here(value.place_ND))[0][kept_N].max()
    mean_C, deviation_C = value.posterior(candidate_CD)
    z_C = (mean_C - best) / deviation_C
    return np.asarray(chance_C * deviation_C * (z_C * norm.cdf(z_C) + norm.pdf(z_C)))
