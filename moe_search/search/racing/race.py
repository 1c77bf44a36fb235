"""A race over seeds: which configurations may still win, and which are out.

A configuration gets more seeds only while it may still be the best (``rounds``), judged by its
paired differences to the incumbent: all have the same seeds in the same order, so what a seed does
to every configuration alike cancels. This is the intensification of SMAC (Hutter, Hoos &
Leyton-Brown 2011, algorithm 3) with one thing changed: SMAC drops a challenger as soon as its mean
is the lower one, which one unlucky seed does to every second of those as good as the incumbent. As
in F-race (Birattari et al. 2002) a test decides here: a challenger is out when the interval of its
difference lies below 0.

With two or three seeds a paired t-test can tell nothing, for it knows as little of the noise. The
noise is taken as the same for all (as by F-race's own analysis of variance): s² is that of the
residuals of the two-way layout

    value = configuration + seed + noise,

by least squares over all values there are, and its degrees of freedom are those of all of them
together. A difference over m common seeds has the variance 2 s²/m, and Student's t. One common
seed is enough then, once there are replicates of others. A race looks at its data many times, and
each look may err: the level is that of one look at one pair.

The incumbent is the one that is the best for sure: its mean less the half interval of a mean of n
seeds, s²/n, is the highest, so a lucky first value does not win over a good mean of several. Means
are of values less their seeds' effects in that layout: who has other seeds gains nothing by these.

Cost: of C configurations with k seeds at most, C trainings and those of the ones that stay, at most
k - 1 each; a decision takes O(values x k²).
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from moe_search.intervals import UNKNOWN, Interval, quantile

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Lead:
    """The values of one configuration less another's, over the seeds that both have.

    Attributes:
        interval: mean and deviation, and the race's bounds; those are NaN while the noise is not
            known.
        error: standard error of the mean, by the race's noise; likewise.
    """

    interval: Interval
    error: float

    @property
    def out(self) -> bool:
        """Whether it is behind for sure."""
        return self.interval.high < 0


@dataclass(frozen=True)
class Standing(Generic[Key]):
    """How a configuration stands.

    Attributes:
        key: the configuration's.
        seeds: how many it has.
        mean: of its values over them; more is better.
        sure: the mean that it has at least; the mean itself while the noise is not known.
        lead: over the incumbent; of the incumbent itself nothing is known.
    """

    key: Key
    seeds: int
    mean: float
    sure: float
    lead: Lead

    @property
    def out(self) -> bool:
        """Whether it can no longer be the best."""
        return self.lead.out


@dataclass(frozen=True)
class Race(Generic[Key]):
    """What a race says.

    Attributes:
        standings: the incumbent first, then those that stay and those that are out, the surest
            first.
        values: by configuration its value from each seed it has.
        noise: standard deviation of one value; NaN where it is not known.
        quantile: of Student's t, in bounds; likewise.
    """

    standings: tuple[Standing[Key], ...]
    values: Mapping[Key, Mapping[int, float]]
    noise: float
    quantile: float

    @property
    def decided(self) -> bool:
        """Whether all others are out."""
        return all(standing.out for standing in self.standings[1:])

    def lead(self, key: Key, other: Key) -> Lead:
        """How far a configuration leads another one."""
        return _lead(self.values[key], self.values[other], self.noise, self.quantile)


def race(values: Mapping[Key, Mapping[int, float]], level: float) -> Race[Key]:
    """Say who stays.

    Args:
        values: by configuration its value from each seed it has, at least one; more is better.
        level: of the two-sided intervals, between 0 and 1.

    Raises:
        ValueError: there is no configuration.
    """
    if not values:
        raise ValueError("a race needs a configuration")
    noise, freedom, effects = _layout(values)
    t = quantile(freedom, level) if freedom else math.nan
    sure = {key: _sure(of, effects, noise * t) for key, of in values.items()}
    first = max(values, key=lambda key: (sure[key], len(values[key])))
    standings = [
        Standing(
            key,
            len(of),
            _mean(of),
            sure[key],
            Lead(UNKNOWN, math.nan) if key == first else _lead(of, values[first], noise, t),
        )
        for key, of in values.items()
    ]
    standings.sort(key=lambda s: (s.key != first, s.out, -s.sure))
    return Race(tuple(standings), values, noise, t)


def _lead(mine: Mapping[int, float], its: Mapping[int, float], noise: float, t: float) -> Lead:
    """How far values lead others.

    Args:
        mine, its: by seed.
        noise: standard deviation of one value; NaN where it is not known.
        t: quantile of the bounds, likewise.
    """
    differences = [mine[seed] - its[seed] for seed in mine if seed in its]
    if not differences:
        return Lead(UNKNOWN, math.nan)
    mean = sum(differences) / len(differences)
    deviation = float(np.std(differences, ddof=1)) if len(differences) > 1 else math.nan
    error = noise * math.sqrt(2 / len(differences))
    return Lead(Interval(mean, deviation, mean - t * error, mean + t * error), error)


def _sure(values: Mapping[int, float], effects: Mapping[int, float], width: float) -> float:
    """The mean that it has at least, had it been over the seeds that all the others have."""
    alike = {seed: value - effects.get(seed, 0.0) for seed, value in values.items()}
    return _mean(alike) - (0.0 if math.isnan(width) else width / math.sqrt(len(values)))


def _mean(values: Mapping[int, float]) -> float:
    return sum(values.values()) / len(values)


def _layout(values: Mapping[Key, Mapping[int, float]]) -> tuple[float, int, dict[int, float]]:
    """The two-way layout of what has several seeds.

    Taking each configuration's mean away leaves a least-squares problem in the seeds alone.

    Returns:
        Standard deviation and degrees of freedom of what neither configuration nor seed explains,
        and what each seed does to all alike, beside the others.
    """
    several = [of for of in values.values() if len(of) > 1]
    seeds = sorted({seed for of in several for seed in of})
    if not seeds:
        return math.nan, 0, {}
    rows: list[NDArray[np.float64]] = []
    left: list[NDArray[np.float64]] = []
    for of in several:
        design = np.array([[float(seed == other) for other in seeds] for seed in of])
        rows.append(design - design.mean(axis=0))
        mine = np.array(list(of.values()))
        left.append(mine - mine.mean())
    x, y = np.concatenate(rows), np.concatenate(left)
    effects, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    by_seed = dict(zip(seeds, map(float, effects), strict=True))
    freedom = len(y) - len(several) - int(rank)
    if freedom < 1:
        return math.nan, 0, by_seed
    return float(np.linalg.norm(y - x @ effects)) / math.sqrt(freedom), freedom, by_seed
