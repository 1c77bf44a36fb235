"""A race over seeds: which configurations get another one, and which are out.

Every configuration begins with one seed. It gets more only while it may still be the best, judged
by its paired differences to the incumbent: all have the same seeds in the same order, so what a
seed does to every configuration alike cancels. The incumbent has the best mean of those with the
most seeds, and none ever has more than it does. This is the intensification of SMAC (Hutter, Hoos &
Leyton-Brown 2011, algorithm 3) with one thing changed: SMAC drops a challenger as soon as its mean
is the lower one, which one unlucky seed does to every second of those as good as the incumbent. As
in F-race (Birattari et al. 2002) a test decides here: a challenger is out when the one-sided
interval of its difference lies below 0 as a whole.

With two or three seeds a paired t-test can tell nothing, for it knows as little of the noise. The
noise is taken as the same for all (as by F-race's own analysis of variance): s² is that of the
residuals of the two-way layout

    value = configuration + seed + noise,

by least squares over all values there are, and its degrees of freedom are those of all of them
together. A difference over m common seeds has the variance 2 s²/m, and Student's t. One common
seed is enough then, once any configuration has several.

Cost: of C configurations with k seeds at most, C trainings and those of the ones that stay, at most
k - 1 each; a decision takes O(values x k²).
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from moe_search.intervals import Interval

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Standing(Generic[Key]):
    """How a configuration stands.

    Attributes:
        key: the configuration's.
        seeds: how many it has.
        mean: of its values over them; more is better.
        lead: its values less the incumbent's over the seeds that both have; the interval is that
            of the race, unknown before there is any replicate, and of the incumbent itself.
        out: whether it can no longer be the best.
    """

    key: Key
    seeds: int
    mean: float
    lead: Interval
    out: bool


@dataclass(frozen=True)
class Race(Generic[Key]):
    """What a race says.

    Attributes:
        standings: the incumbent first, then those that stay and those that are out, each by mean.
        wanted: configuration and seed of what is to be trained next, the most urgent first.
    """

    standings: tuple[Standing[Key], ...]
    wanted: tuple[tuple[Key, int], ...]

    @property
    def incumbent(self) -> Standing[Key]:
        """The best so far."""
        return self.standings[0]

    @property
    def decided(self) -> bool:
        """Whether all others are out."""
        return all(standing.out for standing in self.standings[1:])


def race(
    values: Mapping[Key, Mapping[int, float]],
    under_way: Mapping[Key, frozenset[int]],
    seeds: Sequence[int],
    level: float,
) -> Race[Key]:
    """Say who stays and who gets which seed.

    Args:
        values: by configuration its value from each seed it has, at least one; more is better.
        under_way: by configuration the seeds that it is trained from at present.
        seeds: those of the race, in the order in which all get them; their number is the limit.
        level: how sure it must be, from 0.5 to 1, that the incumbent is the better of two before
            the other is out.

    Raises:
        ValueError: there is no configuration.
    """
    if not values:
        raise ValueError("a race needs a configuration")
    most = max(map(len, values.values()))
    leaders = [key for key in values if len(values[key]) == most]
    first = max(leaders, key=lambda key: _mean(values[key]))
    noise, freedom = _noise(values)
    width = math.sqrt(2) * noise * float(stats.t.ppf(level, freedom)) if freedom else math.nan
    standings = [
        _standing(key, of, key == first, values[first], width) for key, of in values.items()
    ]
    standings.sort(key=lambda s: (s.key != first, s.out, -s.mean))
    return Race(tuple(standings), tuple(_wanted(standings, values, under_way, seeds)))


def _wanted(
    standings: Sequence[Standing[Key]],
    values: Mapping[Key, Mapping[int, float]],
    under_way: Mapping[Key, frozenset[int]],
    seeds: Sequence[int],
) -> list[tuple[Key, int]]:
    """Those that stay catch up with the incumbent; once all have, it goes ahead by a seed."""
    incumbent, *others = standings
    staying = [other.key for other in others if not other.out]
    if not staying:
        return []
    behind = [key for key in staying if len(values[key]) < incumbent.seeds]
    most = incumbent.seeds if behind else incumbent.seeds + 1
    wanted = []
    for key in behind or [incumbent.key]:
        begun = values[key].keys() | under_way.get(key, frozenset())
        if len(begun) < most:
            wanted += [(key, seed) for seed in seeds if seed not in begun][:1]
    return wanted


def _standing(
    key: Key,
    mine: Mapping[int, float],
    first: bool,
    its: Mapping[int, float],
    width: float,
) -> Standing[Key]:
    """How a configuration stands to the incumbent, whose values are ``its``.

    Args:
        key: the configuration's.
        mine: its values.
        first: whether it is the incumbent itself.
        its: the incumbent's values.
        width: half an interval's of one common seed; NaN where it is not known.
    """
    differences = [mine[seed] - its[seed] for seed in mine if seed in its]
    mean = sum(differences) / len(differences) if differences else math.nan
    deviation = float(np.std(differences, ddof=1)) if len(differences) > 1 else math.nan
    half = math.nan if first or not differences else width / math.sqrt(len(differences))
    lead = Interval(mean, deviation, mean - half, mean + half)
    return Standing(key, len(mine), _mean(mine), lead, out=lead.high < 0)


def _mean(values: Mapping[int, float]) -> float:
    return sum(values.values()) / len(values)


def _noise(values: Mapping[Key, Mapping[int, float]]) -> tuple[float, int]:
    """Standard deviation and degrees of freedom of what neither configuration nor seed explains.

    Taking each configuration's mean away leaves a least-squares problem in the seeds alone.
    """
    several = [of for of in values.values() if len(of) > 1]
    seeds = sorted({seed for of in several for seed in of})
    if not seeds:
        return math.nan, 0
    rows: list[NDArray[np.float64]] = []
    left: list[NDArray[np.float64]] = []
    for of in several:
        design = np.array([[float(seed == other) for other in seeds] for seed in of])
        rows.append(design - design.mean(axis=0))
        mine = np.array(list(of.values()))
        left.append(mine - mine.mean())
    x, y = np.concatenate(rows), np.concatenate(left)
    effects, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    freedom = len(y) - len(several) - int(rank)
    if freedom < 1:
        return math.nan, 0
    return float(np.linalg.norm(y - x @ effects)) / math.sqrt(freedom), freedom
