"""Mean and standard deviation of data, and data normalised by them.

Shape suffixes: N sample, C channel or feature, S a sample's own axes, the first of them C.
"""

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Moments

Float32 = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32 | np.float64]

_CHUNK = 4096


def moments(x_NS: Values) -> Moments:
    """Mean and SD per channel or feature; the SD of a constant one is given as 1.

    In double precision.
    """
    axes = (0, *range(2, x_NS.ndim))
    shape = (1, -1) + (1,) * (x_NS.ndim - 2)
    mean_C = x_NS.mean(axes, dtype=np.float64)
    parts = (x_NS[first : first + _CHUNK] for first in range(0, len(x_NS), _CHUNK))
    squares_C = sum(np.square(part - mean_C.reshape(shape)).sum(axes) for part in parts)
    std_C: npt.NDArray[np.float64] = np.sqrt(squares_C / (x_NS.size / len(mean_C)))
    std_C[x_NS.min(axes) == x_NS.max(axes)] = 1.0
    return tuple(mean_C.tolist()), tuple(std_C.tolist())


def normalise(x_NS: Values, mean: tuple[float, ...], std: tuple[float, ...]) -> Float32:
    """Subtract the mean and divide by the SD of each channel or feature.

    float32 in place; float64 in double precision, as the differences of large values need it, into
    new float32.
    """
    shape = (-1,) + (1,) * (x_NS.ndim - 2)
    mean_S, std_S = (np.array(each, x_NS.dtype).reshape(shape) for each in (mean, std))
    if x_NS.dtype == np.float32:
        x_NS -= mean_S
        x_NS /= std_S
        return x_NS.astype(np.float32, copy=False)
    found_NS = np.empty(x_NS.shape, np.float32)
    for first in range(0, len(x_NS), _CHUNK):
        part = slice(first, first + _CHUNK)
        found_NS[part] = (x_NS[part] - mean_S) / std_S
    return found_NS
