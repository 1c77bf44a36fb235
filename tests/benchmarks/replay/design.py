"""Configurations that fill the space of a study evenly.

Shape suffixes: C configuration, D searched hyperparameter.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from moe_search.spec import Choices, Domain, IntRange, Study, Value

CUBE = 2**16
"""Places on each side of the unit cube."""

Cube = npt.NDArray[np.uint16]


def design(study: Study, count: int, seed: int = 0) -> Cube:
    """Scrambled Sobol points [C, D]; any first power of two of them is even, too."""
    sobol = qmc.Sobol(len(study.parameters), scramble=True, rng=seed)
    points_CD = sobol.random_base2(math.ceil(math.log2(count)))[:count]
    cube_CD: Cube = np.floor(points_CD * CUBE).astype(np.uint16)
    return cube_CD


def values_at(study: Study, point_D: Sequence[int] | Cube) -> dict[str, Value]:
    """The hyperparameters, by path, that have a meaning at a point of the cube."""
    values: dict[str, Value] = {}
    for parameter, place in zip(study.parameters, point_D, strict=True):
        if parameter.is_active(values):
            values[parameter.path] = _value(parameter.domain, (int(place) + 0.5) / CUBE)
    return values


def _value(domain: Domain, share: float) -> Value:
    match domain:
        case Choices(choices=choices):
            return choices[int(share * len(choices))]
        case IntRange(low=low, high=high):
            return low + int(share * (high - low + 1))
        case _ if domain.log:
            return float(domain.low * (domain.high / domain.low) ** share)
        case _:
            return domain.low + share * (domain.high - domain.low)


def place_of(domain: Domain, value: Value) -> float:
    """Where on its side of the cube a value lies, from 0 to 1."""
    match domain:
        case Choices(choices=choices):
            return (choices.index(value) + 0.5) / len(choices)
        case IntRange(low=low, high=high):
            return (float(value) - low + 0.5) / (high - low + 1)
        case _ if domain.log:
            return math.log(float(value) / domain.low) / math.log(domain.high / domain.low)
        case _:
            return (float(value) - domain.low) / (domain.high - domain.low)
