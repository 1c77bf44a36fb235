"""Mean and standard deviation of data, and data normalised by them.

Shape suffixes: N sample, C channel or feature, S a sample's own axes, the first of them C.
"""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Moments = tuple[tuple[float, ...], tuple[float, ...]]

PUBLISHED: dict[str, Moments] = {
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2859,), (0.3530,)),
    "cifar10": ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
    "cifar100": ((0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)),
}
"""Mean and SD by which the experts' literature normalises pixels in 0..1."""

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


def normalise(x_NS: Values, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Subtract the mean and divide by the SD of each channel or feature, in place."""
    shape = (-1,) + (1,) * (x_NS.ndim - 2)
    x_NS -= np.array(mean, np.float32).reshape(shape)
    x_NS /= np.array(std, np.float32).reshape(shape)
