"""A Gaussian process over a space with kinds and conditions.

Shape suffixes: N observation, C candidate, D hyperparameter.
"""

from dataclasses import dataclass

import numpy as np
from replay.table import Floats
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

_PRIOR = 1.0  # SD of the logarithm of what is fitted


@dataclass(frozen=True)
class Process:
    """The posterior of values at places, seen through noise.

    Matérn's covariance of smoothness 5/2, with a length for each hyperparameter. A number that one
    of two configurations lacks adds nothing to their distance, for the kind that decides it does.

    Attributes:
        place_ND: shares of ranges, numbers of kinds; NaN where there is no meaning.
        kinds_D: which hyperparameters are kinds.
        logs: of the lengths, the signal's variance, the noise's variance of one seed.
        seeds_N: how many seeds each observation is the mean of.
    """

    place_ND: Floats
    kinds_D: Floats
    value_N: Floats
    seeds_N: Floats
    logs: Floats

    @classmethod
    def fit(
        cls, place_ND: Floats, kinds_D: Floats, value_N: Floats, seeds_N: Floats
    ) -> "Process":
        """By the most probable lengths and variances."""
        start = np.append(np.log(np.where(kinds_D, 1.5, 0.7)), [0.0, np.log(0.3)])
        scaled_N = (value_N - value_N.mean()) / (value_N.std() + 1e-12)
        square_NND = _squares(place_ND, place_ND, kinds_D)

        def loss(logs: Floats) -> float:
            cov = _covariance(square_NND, logs) + np.diag(np.exp(logs[-1]) / seeds_N + 1e-6)
            try:
                low = cholesky(cov, lower=True)
            except np.linalg.LinAlgError:
                return 1e10
            fit = 0.5 * scaled_N @ cho_solve((low, True), scaled_N) + np.log(np.diag(low)).sum()
            return float(fit + 0.5 * (((logs - start) / _PRIOR) ** 2).sum())

        found = minimize(loss, start, method="L-BFGS-B", options={"maxiter": 25})
        return cls(place_ND, kinds_D, value_N, seeds_N, found.x)

    def posterior(self, place_CD: Floats) -> tuple[Floats, Floats]:
        """Mean [C] and covariance [C, C] of the values without noise."""
        mean, scale = self.value_N.mean(), self.value_N.std() + 1e-12
        cov_NN = _covariance(_squares(self.place_ND, self.place_ND, self.kinds_D), self.logs)
        cov_NN += np.diag(np.exp(self.logs[-1]) / self.seeds_N + 1e-6)
        cov_NC = _covariance(_squares(self.place_ND, place_CD, self.kinds_D), self.logs)
        cov_CC = _covariance(_squares(place_CD, place_CD, self.kinds_D), self.logs)
        low = cholesky(cov_NN, lower=True)
        weight_NC = cho_solve((low, True), cov_NC)
        mean_C = mean + scale * (weight_NC.T @ ((self.value_N - mean) / scale))
        return mean_C, scale**2 * (cov_CC - cov_NC.T @ weight_NC)

    @property
    def noise(self) -> float:
        """Variance of one seed."""
        return float(np.exp(self.logs[-1]) * (self.value_N.std() + 1e-12) ** 2)


def _squares(a_ND: Floats, b_CD: Floats, kinds_D: Floats) -> Floats:
    difference = a_ND[:, None] - b_CD[None]
    return np.nan_to_num(np.where(kinds_D, np.abs(difference) > 1e-9, difference**2))


def _covariance(squares: Floats, logs: Floats) -> Floats:
    distance = np.sqrt(5 * (squares * np.exp(-2 * logs[:-2])).sum(axis=2) + 1e-12)
    return np.exp(logs[-2]) * (1 + distance + distance**2 / 3) * np.exp(-distance)
