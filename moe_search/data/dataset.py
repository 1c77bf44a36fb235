"""What a data set is: as stored, and ready for training.

Shape suffixes: N sample, S whatever a sample has: C, H, W for images or F for vectors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from moe_search.data.columns import Kind
    from moe_search.data.preprocessing import Preprocessing

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
        x: [N, C, H, W] or [N, F]; as stored, or float32 and normalised. What is too large for
            memory is a ``Mapped``.
        y: int64 class numbers, [N].
    """

    x: Array
    y: Array


Samples = Split[Any]
"""A split of NumPy's arrays, or of a data frame's rows."""


@dataclass(frozen=True, eq=False)
class Raw:
    """A data set as stored: numbers, of which uint8 are pixels, or a data frame of a table's rows.

    Attributes:
        test: None unless it was asked for.
        validation: None unless the data has such a split of its own.
        kinds: what each column of a table holds; None of arrays.
    """

    training: Samples
    test: Samples | None
    classes: tuple[str, ...]
    validation: Samples | None = None
    kinds: Mapping[str, "Kind"] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set ready for training: float32, normalised, in files that processes share.

    Attributes:
        test: None unless it was asked for: it is read once, for finalists.
        classes: names by class number.
        mean: per channel (per feature for vectors), of values before normalisation.
        std: like ``mean``.
        augment: whether training images are to be flipped and cropped at random.
        preprocessing: what raw samples go through before they are normalised.
    """

    name: str
    train: Samples
    validation: Samples
    test: Samples | None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: bool
    preprocessing: "Preprocessing"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (F,)."""
        return tuple(self.train.x.shape[1:])

    @property
    def samples(self) -> dict[str, int]:
        """Their number by split: training, validation and, if it was asked for, test."""
        splits = {"training": self.train, "validation": self.validation, "test": self.test}
        return {name: len(split.y) for name, split in splits.items() if split is not None}
