"""The axes of arrays of samples in order, for training and prediction alike.

Shape suffixes: B sample; S a sample's own axes: C, H, W for images or F for vectors.
"""

from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Layout = Literal["auto", "channels_first", "channels_last"]
Shape = tuple[int, ...]

CHANNELS = (1, 3, 4)
"""How many an axis has that is one of channels without anybody saying so."""

_LARGEST = float(np.finfo(np.float32).max)


def sample_shape(shape: Shape, layout: Layout = "auto") -> Shape:
    """The shape (C, H, W) or (F,) of the samples of an array [B, F], [B, H, W] or of four axes.

    Of four axes, the second or the last is the channels': the one that has 1, 3 or 4 of them, or
    else the one that is smaller than both others.

    Raises:
        ValueError: it has another number of axes, or either may be the channels'.
    """
    if len(shape) == 2:
        return shape[1:]
    if len(shape) == 3:
        return (1, *shape[1:])
    if len(shape) != 4:
        raise ValueError(f"has {len(shape)} axes, expected [N, F], [N, H, W] or [N, C, H, W]")
    first, last = shape[1:], (shape[3], *shape[1:3])
    if layout != "auto":
        return first if layout == "channels_first" else last
    few = first[0] in CHANNELS, last[0] in CHANNELS
    fewest = first[0] < min(first[1:]), last[0] < min(last[1:])
    likely = few if any(few) else fewest
    if likely[0] != likely[1]:
        return first if likely[0] else last
    raise ValueError(
        f"samples of {times(shape[1:])} may be {first[0]} channels of {times(first[1:])}, or "
        f"{last[0]} of {times(last[1:])}; give data.layout: channels_first or channels_last"
    )


def as_samples(x: npt.NDArray[Any], shape: Shape, layout: Layout = "auto") -> npt.NDArray[Any]:
    """An array as samples [B, S] of a known shape, (C, H, W) or (F,).

    It is [B, S] or one sample [S]; where each has one feature, also [B]. Of images the channels may
    come last, a single one may be left out; and a sample's values may lie in one row, [B, values],
    in the order of [S]. ``layout`` decides where a shape such as 3 x 3 x 3 may be read in two ways.

    Raises:
        ValueError: it is none of these.
    """
    for given in _layouts(shape, layout):
        if given in (x.shape, x.shape[1:]):
            x_BS = x.reshape(-1, *given)
            if len(given) == 3 and (given != shape or layout == "channels_last"):
                x_BS = x_BS.transpose(0, 3, 1, 2)
            return x_BS.reshape(-1, *shape)
    raise ValueError(f"an array {[*x.shape]}, but the model takes samples {[*shape]}")


def has_float32_range(x: npt.NDArray[Any]) -> bool:
    """Whether all values are finite and float32 could hold numbers as large."""
    # as Python's numbers: NumPy would compare in the type of x, in which _LARGEST may be infinite
    return not x.size or -_LARGEST <= float(x.min()) <= float(x.max()) <= _LARGEST


def times(shape: Shape) -> str:
    """Writes a shape as ``3 x 32 x 32``."""
    return " x ".join(map(str, shape))


def _layouts(shape: Shape, layout: Layout) -> list[Shape]:
    """How the axes of one sample may come."""
    if len(shape) != 3:
        return [shape, ()] if shape == (1,) else [shape]
    channels, height, width = shape
    last, grey = (height, width, channels), [(height, width)] if channels == 1 else []
    if layout == "channels_last":
        return [last, *grey]
    return [shape, last, *grey, (prod(shape),)]
