"""A Gaussian process over a space of numbers and kinds, seen through the noise of seeds.

Rasmussen & Williams 2006, algorithm 2.1, with Matérn's covariance of smoothness 5/2 and a length
for each hyperparameter. Kinds that differ are as far from each other as any. A number that has no
meaning lies in the middle of its range: the kind that decides so tells such configurations apart.

Shape suffixes: N observation, C candidate, D hyperparameter, R result.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LASTING = 0.2
"""The part of one seed's noise, as it is fitted, by which a configuration differs for good from its
neighbours: it averages out over no seeds."""

_NUMBER, _KIND, _NOISE = 0.7, 1.5, 0.3  # lengths of shares and kinds; noise of standardised values
_STEPS = 12
_JITTER = 1e-6
_BOUNDS = (-3.0, 3.0)


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
        centre, scale = float(value_N.mean()), float(value_N.std()) or 1.0
        standard_N = (value_N - centre) / scale
        start = np.log(np.append(np.where(kinds_D, _KIND, _NUMBER), [1.0, _NOISE]))
        square_NND = _squares(place_ND, place_ND, kinds_D)

        def loss(logs: Floats) -> float:
            cov_NN = _covariance(square_NND, logs) + _noise(logs, seeds_N)
            low_NN = cholesky(cov_NN, lower=True, check_finite=False)
            fit = 0.5 * standard_N @ cho_solve((low_NN, True), standard_N, check_finite=False)
            prior = 0.5 * ((logs - start) ** 2).sum()
            return float(fit + np.log(np.diag(low_NN)).sum() + prior)

        bounds = [_BOUNDS] * len(start)
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS})
        return cls(place_ND, kinds_D, standard_N, seeds_N, centre, scale, found.x)

    def posterior(self, place_CD: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation, [C] each, of what configurations are truly worth."""
        square_NCD = _squares(self.place_ND, place_CD, self.kinds_D)
        cov_NC = _covariance(square_NCD, self.logs)
        cov_NN = _covariance(_squares(self.place_ND, self.place_ND, self.kinds_D), self.logs)
        low_NN = cholesky(cov_NN + _noise(self.logs, self.seeds_N), lower=True)
        weight_NC = cho_solve((low_NN, True), cov_NC)
        variance_C = np.exp(self.logs[-2]) - (cov_NC * weight_NC).sum(axis=0)
        mean_C = self.centre + self.scale * (weight_NC.T @ self.value_N)
        return mean_C, self.scale * np.sqrt(np.maximum(variance_C, _JITTER))

    def worth(
        self, which_R: Ints, seed_R: Ints, value_R: Floats, seeds_R: Floats
    ) -> tuple[Floats, Floats]:
        """Mean and standard deviation, [N] each, of the observed ones once they have more seeds.

        What a seed does to all alike has a variance of its own, as large as the noise: so values
        from different seeds compare by those that have both. That of seed 0, which all have, is no
        difference between them, and is left in.

        Args:
            which_R: of each result, the observed one that it is of.
            seed_R: its seed.
            value_R: its value.
            seeds_R: 1, or over how many seeds it is a mean.
        """
        noise = np.exp(self.logs[-1])
        cov_NN = _covariance(_squares(self.place_ND, self.place_ND, self.kinds_D), self.logs)
        cov_NN += (LASTING * noise + _JITTER) * np.eye(len(cov_NN))
        cov_RR = cov_NN[np.ix_(which_R, which_R)] + np.diag((1 - LASTING) * noise / seeds_R)
        cov_RR += noise * ((seed_R[:, None] == seed_R) & (seed_R > 0))
        low_RR = cholesky(cov_RR, lower=True)
        weight_RN = cho_solve((low_RR, True), cov_NN[which_R])
        mean_N = self.centre + weight_RN.T @ (value_R - self.centre)
        variance_N = np.diag(cov_NN) - (cov_NN[which_R] * weight_RN).sum(axis=0)
        return mean_N, self.scale * np.sqrt(np.maximum(variance_N, _JITTER))

    def believing(self, place_CD: Floats) -> "Process":
        """As it will be once these are observed at their means (kriging believer).

        Ginsbourger, Le Riche & Carraro 2010; lengths and variances stay.
        """
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
