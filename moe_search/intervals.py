"""How sure a mean over seeds is, and a difference of means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

FEWEST_SEEDS = 3
"""Of two values Student's t is so wide (12.7 standard errors) that an interval says nothing."""

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """Mean, standard deviation (unbiased) and 95 % confidence interval of the mean over seeds.

    What is not known is NaN: of one value all but the mean, of fewer than ``FEWEST_SEEDS`` the
    interval.
    """

    mean: float
    deviation: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there are bounds."""
        return not math.isnan(self.low)

    @staticmethod
    def of(values: Sequence[float]) -> "Interval":
        """By Student's t."""
        mean, deviation = _moments(values)
        if len(values) < FEWEST_SEEDS:
            return Interval(mean, deviation, math.nan, math.nan)
        half = quantile(len(values) - 1, _CONFIDENCE) * deviation / math.sqrt(len(values))
        return Interval(mean, deviation, mean - half, mean + half)

    @staticmethod
    def of_share(shares: Sequence[float], samples: int | None) -> "Interval":
        """Of a share of samples, such as an error: within 0..1, and no surer than samples allow.

        Two things make a mean error uncertain: which seeds were drawn, and which samples. All seeds
        are judged by the same n samples, so more seeds do not make up for few samples. The variance
        is that of the mean over k seeds, s²/k, and that of a share of n samples, p(1 - p)/n; their
        sum is at least the true one, by the law of total variance. The bounds are Wilson's score
        interval (Wilson 1927) for the number of samples that would have this variance, as surveys
        do it (the effective sample size of Korn & Graubard 1998, with Wilson's interval as by
        Franco et al. 2019), with Student's t for the normal quantile at Satterthwaite's (1946)
        degrees of freedom.

        Args:
            shares: one a seed.
            samples: that they are shares of; None where that is not known, then the seeds alone
                count.
        """
        p, deviation = _moments(shares)
        if len(shares) < FEWEST_SEEDS or math.isnan(p):
            return Interval(p, deviation, math.nan, math.nan)
        of_seeds, spread = deviation**2 / len(shares), p * (1 - p)
        of_samples = spread / samples if samples else 0.0
        variance = of_seeds + of_samples
        n = spread / variance if variance > 0 else samples or math.inf
        freedom = (len(shares) - 1) * (variance / of_seeds) ** 2 if of_seeds > 0 else math.inf
        return Interval(p, deviation, *_wilson(p, n, quantile(freedom, _CONFIDENCE)))


UNKNOWN = Interval(math.nan, math.nan, math.nan, math.nan)
"""Of no values."""


@dataclass(frozen=True)
class Difference:
    """Test error of something less that of something else, over the seeds that both have.

    Attributes:
        name: what it is the error of.
        seeds: how many pairs there are.
        error: by Student's t over the pairs, on the samples of this test split.
    """

    name: str
    seeds: int
    error: Interval


def welch(ours: tuple[float, float, int], theirs: tuple[float, float, int]) -> float:
    """How often means of the same distribution's runs differ as much or more: p, two-sided.

    By Welch's t (1947), for SDs that differ, with Satterthwaite's degrees of freedom.

    Args:
        ours, theirs: mean, unbiased standard deviation and number of runs.

    Returns:
        NaN where it is not known: of one run, or without any deviation.
    """
    (mean, deviation, runs), (their_mean, their_deviation, their_runs) = ours, theirs
    variances = deviation**2 / runs, their_deviation**2 / their_runs
    if min(runs, their_runs) < 2 or not sum(variances) > 0:
        return math.nan
    pairs = zip(variances, (runs, their_runs), strict=True)
    freedom = sum(variances) ** 2 / sum(v**2 / (n - 1) for v, n in pairs)
    t = abs(mean - their_mean) / math.sqrt(sum(variances))
    return 2 * float(special.stdtr(freedom, -t))


def _wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a share p of n samples at a quantile z."""
    centre, scale = p + z**2 / (2 * n), 1 + z**2 / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def _moments(values: Sequence[float]) -> tuple[float, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return float(np.mean(values)), deviation


def quantile(freedom: float, level: float) -> float:
    """Of Student's t, two-sided; of the normal distribution at infinite degrees of freedom."""
    upper = (1 + level) / 2
    return float(special.ndtri(upper) if math.isinf(freedom) else special.stdtrit(freedom, upper))
