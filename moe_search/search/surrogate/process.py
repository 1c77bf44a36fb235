"""A Gaussian process over a space of numbers and kinds, seen through the noise of seeds.

Rasmussen & Williams 2006, algorithm 2.1, with Matérn's covariance of smoothness 5/2 and a length
for each hyperparameter. Kinds that differ are as far from each other as any. A number that has no
meaning lies in the middle of its range: the kind that decides so tells such configurations apart.

Shape suffixes: N observation, C candidate, D hyperparameter, R result.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from moe_search.search.surrogate.cube import Bools, Floats

Ints = npt.NDArray[np.int64]

LASTING = 0.2
"""The part of one seed's noise, as it is fitted, by which a configuration differs for good from its
neighbours: it averages out over no seeds."""

_NUMBER, _KIND, _NOISE = 0.7, 1.5, 0.3  # lengths of shares and kinds; noise of standardised values
_STEPS = 12
_JITTER = 1e-6
_BOUNDS = (-3.0, 3.0)
_NOISE_BOUNDS = (-8.0, 3.0)


@dataclass(frozen=True)
class Results:
    """What configurations gave.

    Attributes:
        which_R: of each result, the number of the configuration that it is of.
        seed_R: its seed, the first one if it is a mean over several.
        value_R: its value; more is better.
        seeds_R: over how many seeds.
    """

    which_R: Ints
    seed_R: Ints
    value_R: Floats
    seeds_R: Floats


@dataclass(frozen=True)
class Process:
    """What is believed of all configurations after some observations.

    Attributes:
        place_ND: of each observation, shares of ranges and numbers of kinds; NaN for no meaning.
        kinds_D: which hyperparameters are kinds.
        value_N: means over seeds, standardised.
        seeds_N: over how many.
        centre, scale: of the values as they were.
        logs: of the D lengths, the signal's variance and the noise's of one seed.
    """

    place_ND: Floats
    kinds_D: Bools
    value_N: Floats
    seeds_N: Floats
    centre: float
    scale: float
    logs: Floats

    @classmethod
    def fit(cls, place_ND: Floats, kinds_D: Bools, value_N: Floats, seeds_N: Floats) -> "Process":
        """With the lengths and variances that are most probable a posteriori.

        Their logarithms have normal priors of SD 1.
        """
        standard_N = cls.of(place_ND, kinds_D, value_N, seeds_N, np.empty(0)).value_N
        start = np.log(np.append(np.where(kinds_D, _KIND, _NUMBER), [1.0, _NOISE]))
        square_NND = _squares(place_ND, place_ND, kinds_D)

        def loss(logs: Floats) -> float:
            cov_NN = _covariance(square_NND, logs) + _noise(logs, seeds_N)
            low_NN = cholesky(cov_NN, lower=True, check_finite=False)
            fit = 0.5 * standard_N @ cho_solve((low_NN, True), standard_N, check_finite=False)
            prior = 0.5 * ((logs - start) ** 2).sum()
            return float(fit + np.log(np.diag(low_NN)).sum() + prior)

        bounds = [_BOUNDS] * (len(start) - 1) + [_NOISE_BOUNDS]
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS})
        return cls.of(place_ND, kinds_D, value_N, seeds_N, found.x)

    @classmethod
    def of(
        cls, place_ND: Floats, kinds_D: Bools, value_N: Floats, seeds_N: Floats, logs: Floats
    ) -> "Process":
        """With lengths and variances that are known."""
        centre, scale = float(value_N.mean()), float(value_N.std()) or 1.0
        return cls(place_ND, kinds_D, (value_N - centre) / scale, seeds_N, centre, scale, logs)

    @cached_property
    def _low_NN(self) -> Floats:
        """Of the observations' covariance, the Cholesky factor: many questions need it."""
        cov_NN = _covariance(_squares(self.place_ND, self.place_ND, self.kinds_D), self.logs)
        return np.asarray(cholesky(cov_NN + _noise(self.logs, self.seeds_N), lower=True))

    def posterior(self, place_CD: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation, [C] each, of what configurations are truly worth."""
        square_NCD = _squares(self.place_ND, place_CD, self.kinds_D)
        cov_NC = _covariance(square_NCD, self.logs)
        weight_NC = cho_solve((self._low_NN, True), cov_NC)
        variance_C = np.exp(self.logs[-2]) - (cov_NC * weight_NC).sum(axis=0)
        mean_C = self.centre + self.scale * (weight_NC.T @ self.value_N)
        return mean_C, self.scale * np.sqrt(np.maximum(variance_C, _JITTER))

    def worth(self, place_CD: Floats, results: Results) -> tuple[Floats, Floats]:
        """Mean and standard deviation, [C] each, of what trained configurations are worth.

        What a seed does to all alike has a variance of its own, as large as the noise: so values
        from different seeds compare by those that have both. That of the first seed, which all
        have, is no difference between them, and is left in.

        Args:
            place_CD: of the configurations.
            results: of them.
        """
        noise = np.exp(self.logs[-1])
        which_R, seed_R = results.which_R, results.seed_R
        cov_CC = _covariance(_squares(place_CD, place_CD, self.kinds_D), self.logs)
        cov_CC += (LASTING * noise + _JITTER) * np.eye(len(cov_CC))
        cov_RR = cov_CC[np.ix_(which_R, which_R)] + np.diag((1 - LASTING) * noise / results.seeds_R)
        cov_RR += noise * ((seed_R[:, None] == seed_R) & (seed_R > seed_R.min()))
        low_RR = cholesky(cov_RR, lower=True)
        weight_RC = cho_solve((low_RR, True), cov_CC[which_R])
        mean_C = self.centre + weight_RC.T @ (results.value_R - self.centre)
        variance_C = np.diag(cov_CC) - (cov_CC[which_R] * weight_RC).sum(axis=0)
        return mean_C, self.scale * np.sqrt(np.maximum(variance_C, _JITTER))

    def believing(self, place_CD: Floats) -> "Process":
        """As it will be once these are observed at their means (kriging believer).

        Ginsbourger, Le Riche & Carraro 2010; lengths and variances stay.
        """
        if not len(place_CD):
            return self
        mean_C, _ = self.posterior(place_CD)
        return Process(
            np.concatenate([self.place_ND, place_CD]),
            self.kinds_D,
            np.concatenate([self.value_N, (mean_C - self.centre) / self.scale]),
            np.concatenate([self.seeds_N, np.ones(len(place_CD))]),
            self.centre,
            self.scale,
            self.logs,
        )


def _squares(a_ND: Floats, b_CD: Floats, kinds_D: Bools) -> Floats:
    """Squared differences [N, C, D]."""
    a_ND, b_CD = np.nan_to_num(a_ND, nan=0.5), np.nan_to_num(b_CD, nan=0.5)
    difference_NCD = a_ND[:, None] - b_CD[None]
    return np.where(kinds_D, difference_NCD != 0, difference_NCD**2)


def _covariance(square_NCD: Floats, logs: Floats) -> Floats:
    distance_NC = np.sqrt(5 * (square_NCD @ np.exp(-2 * logs[:-2])))
    polynomial_NC = 1 + distance_NC + distance_NC**2 / 3
    return np.asarray(np.exp(logs[-2]) * polynomial_NC * np.exp(-distance_NC))


def _noise(logs: Floats, seeds_N: Floats) -> Floats:
    return np.diag(np.exp(logs[-1]) / seeds_N + _JITTER)
