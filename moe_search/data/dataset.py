"""What a data set is: as stored, and ready for training.

Shape suffixes: N sample, S whatever a sample has: C, H, W for images or F for vectors.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

PADDING = 4
"""Pixels by which augmentation pads images on each side before it crops them."""

Moments = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and SD of each channel, or of each feature of vectors."""

Array = TypeVar("Array")
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split(Generic[Array]):
    """Samples with their classes; NumPy's arrays or torch's tensors.

    Attributes:
        x: [N, C, H, W] or [N, F]; as stored, or float32 and normalised.
        y: int64 class numbers, [N].
    """

    x: Array
    y: Array


Samples = Split[npt.NDArray[Any]]
"""A split of NumPy's arrays."""


def chosen(split: Samples, indices_N: Ints) -> Samples:
    """The samples at some indices."""
    return Split(split.x[indices_N], split.y[indices_N])


@dataclass(frozen=True, eq=False)
class Raw:
    """A data set as stored; values are uint8 or float32.

    Attributes:
        test: None unless it was asked for.
        validation: None unless the data has such a split of its own.
    """

    training: Samples
    test: Samples | None
    classes: tuple[str, ...]
    validation: Samples | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set ready for training: float32, normalised.

    Attributes:
        test: None unless it was asked for: it is read once, for finalists.
        classes: names by class number.
        mean: per channel (per feature for vectors), of values before normalisation.
        std: like ``mean``.
        augment: whether training images are to be flipped and cropped at random.
    """

    name: str
    train: Samples
    validation: Samples
    test: Samples | None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (F,)."""
        return tuple(self.train.x.shape[1:])
