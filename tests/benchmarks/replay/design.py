"""Configurations that fill the space of a study evenly.

Shape suffixes: C configuration, D searched hyperparameter.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from moe_search.search.surrogate.cube import Cube
from moe_search.spec import Study, Value

CUBE = 2**16
"""Places on each side of the unit cube."""

Points = npt.NDArray[np.uint16]


def design(study: Study, count: int, seed: int = 0) -> Points:
    """Scrambled Sobol points [C, D]; any first power of two of them is even, too."""
    sobol = qmc.Sobol(len(study.parameters), scramble=True, rng=seed)
    points_CD = sobol.random_base2(math.ceil(math.log2(count)))[:count]
    cube_CD: Points = np.floor(points_CD * CUBE).astype(np.uint16)
    return cube_CD


def values_at(study: Study, point_D: Sequence[int] | Points) -> dict[str, Value]:
    """The hyperparameters, by path, that have a meaning at a point of the design."""
    return Cube(study.parameters).values((np.asarray(point_D) + 0.5) / CUBE)
