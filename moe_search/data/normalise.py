"""Mean and standard deviation of data, and tensors normalised by them.

Shape suffixes: N sample, C channel or feature, S a sample's own axes, the first of them C.
"""

import numpy as np
import numpy.typing as npt
from torch import Tensor

Moments = tuple[tuple[float, ...], tuple[float, ...]]

PUBLISHED: dict[str, Moments] = {
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2859,), (0.3530,)),
    "cifar10": ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
    "cifar100": ((0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)),
}
"""Mean and SD by which the experts' literature normalises pixels in 0..1."""

_CHUNK = 4096


def moments(x_NS: Tensor) -> Moments:
    """Mean and SD per channel or feature; the SD of a constant one is given as 1.

    NumPy in double precision, because torch's sums differ in the last bits with the number of
    threads, and a trial's result may not.
    """
    x = x_NS.numpy()
    axes = (0, *range(2, x.ndim))
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean_C = x.mean(axes, dtype=np.float64)
    parts = (x[first : first + _CHUNK] for first in range(0, len(x), _CHUNK))
    squares_C = sum(np.square(part - mean_C.reshape(shape)).sum(axes) for part in parts)
    std_C: npt.NDArray[np.float64] = np.sqrt(squares_C / (x.size / len(mean_C)))
    std_C[x.min(axes) == x.max(axes)] = 1.0
    return tuple(mean_C.tolist()), tuple(std_C.tolist())


def normalise_(x_NS: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Subtract the mean and divide by the SD of each channel or feature, in place."""
    shape = (-1,) + (1,) * (x_NS.ndim - 2)
    mean_C, std_C = (x_NS.new_tensor(values).view(shape) for values in (mean, std))
    return x_NS.sub_(mean_C).div_(std_C)
