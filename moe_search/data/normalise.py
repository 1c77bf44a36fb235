"""Samples as numbers, their mean and standard deviation, and samples normalised by them.

Shape suffixes: N sample, C channel or feature, S a sample's own axes, the first of them C.
"""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Moments

Float32 = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32 | np.float64]

_CHUNK = 2**18  # values: what a core's cache holds


class Stored(Protocol):
    """An array [N, S], or what is read from a file as one, part by part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, S]."""

    def __getitem__(self, rows: slice, /) -> npt.NDArray[Any]:
        """Some samples, as stored."""


class Statistics(NamedTuple):
    """What there is to know of samples before they are normalised.

    Attributes:
        moments: mean and SD per channel or feature; the SD of a constant one is given as 1.
        low, high: the least and the largest value.
    """

    moments: Moments
    low: float
    high: float


def parts(shape: tuple[int, ...]) -> Iterator[slice]:
    """Samples of an array [N, S], some at a time."""
    step = max(_CHUNK // max(prod(shape[1:]), 1), 1)
    return (slice(first, first + step) for first in range(0, shape[0], step))


def as_numbers(x_NS: npt.NDArray[Any]) -> Values:
    """Samples as new numbers that are not normalised yet: bytes as 0..1, float64 where it must be.

    float32 might not hold the differences of large values.
    """
    if x_NS.dtype == np.uint8:
        x_NS = np.ascontiguousarray(x_NS).astype(np.float32)
        x_NS /= 255
        return x_NS
    wide = x_NS.dtype.itemsize >= 4 and x_NS.dtype != np.float32
    return np.array(x_NS, np.float64 if wide else np.float32, order="C")


def statistics(x_NS: Stored) -> Statistics:
    """The statistics of samples, in double precision and in one pass over them.

    Parts are merged as by Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", 1979.
    """
    count, channels = 0, x_NS.shape[1]
    mean_C, squares_C = np.zeros(channels), np.zeros(channels)
    low_C, high_C = np.full(channels, np.inf), np.full(channels, -np.inf)
    for part in parts(x_NS.shape):
        part_NS = as_numbers(x_NS[part])
        axes = (0, *range(2, part_NS.ndim))
        own, own_mean_C = part_NS.size // channels, part_NS.mean(axes, dtype=np.float64)
        off_NS = part_NS - own_mean_C.reshape(-1, *(1,) * (part_NS.ndim - 2))
        count, before = count + own, count
        gap_C = own_mean_C - mean_C
        mean_C = mean_C + gap_C * (own / count)
        squares_C = squares_C + np.square(off_NS).sum(axes) + gap_C**2 * (before * own / count)
        low_C = np.minimum(low_C, part_NS.min(axes))
        high_C = np.maximum(high_C, part_NS.max(axes))
    std_C = np.sqrt(squares_C / count)
    std_C[low_C == high_C] = 1.0
    moments = tuple(mean_C.tolist()), tuple(std_C.tolist())
    return Statistics(moments, float(low_C.min()), float(high_C.max()))


def normalise(x_NS: Values, mean: tuple[float, ...], std: tuple[float, ...]) -> Float32:
    """Subtract the mean and divide by the SD of each channel or feature.

    float32 in place; float64 in double precision, as the differences of large values need it, as
    new float32.
    """
    shape = (-1,) + (1,) * (x_NS.ndim - 2)
    mean_S, std_S = (np.array(each, x_NS.dtype).reshape(shape) for each in (mean, std))
    if x_NS.dtype == np.float32:
        x_NS -= mean_S
        x_NS /= std_S
        return x_NS.astype(np.float32, copy=False)
    return ((x_NS - mean_S) / std_S).astype(np.float32)
