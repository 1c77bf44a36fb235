"""What a data set is: where it comes from, as stored, and ready for training.

Shape suffixes: N sample, C channel, H height, W width, F feature, S whatever a sample has:
C, H, W for images or F for vectors.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

PADDING = 4
"""Pixels by which augmentation pads images on each side before it crops them."""


@dataclass(frozen=True)
class Source:
    """Which data set to load, from where, and how to split it.

    Attributes:
        name: one of ``load.KNOWN``, arrays or image_folder.
        root: the folder in which published data sets are looked for first.
        path: the .npz of arrays, or the folder of image_folder.
        validation: samples (int) or share (float) of the training data held out; auto for the
            data's own validation split, or a fifth where it has none.
        seed: decides the splits.
        limit: train on at most this many samples.
        image_size: height and width in pixels to which image_folder resizes.
        channels: of the images of image_folder: 1 for grey, 3 for RGB.
        augment: random flips and crops; auto for those data sets that are trained with them.
    """

    name: str
    root: Path | None = None
    path: Path | None = None
    validation: int | float | Literal["auto"] = "auto"
    seed: int = 0
    limit: int | None = None
    image_size: int = 32
    channels: Literal[1, 3] = 3
    augment: Literal["auto"] | bool = "auto"


class Samples(NamedTuple):
    """Samples as stored: x_NS of uint8 or float32, y_N of int64."""

    x_NS: npt.NDArray[Any]
    y_N: npt.NDArray[np.int64]

    def some(self, indices: npt.NDArray[np.int64]) -> Self:
        """The samples at these indices."""
        return self._replace(x_NS=self.x_NS[indices], y_N=self.y_N[indices])


@dataclass(frozen=True, eq=False)
class Raw:
    """A data set as stored.

    Attributes:
        test: None unless it was asked for.
        validation: None unless the data has such a split of its own.
    """

    training: Samples
    test: Samples | None
    classes: tuple[str, ...]
    validation: Samples | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """Samples ready for training.

    Attributes:
        x: float32, normalised, [N, C, H, W] or [N, F].
        y: int64 class numbers, [N].
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set ready for training.

    Attributes:
        test: None unless it was asked for: it is read once, for finalists.
        classes: names by class number.
        mean: per channel (per feature for vectors), of values before normalisation.
        std: like ``mean``.
        augment: whether training images are to be flipped and cropped at random.
    """

    name: str
    train: Split
    validation: Split
    test: Split | None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (F,)."""
        return tuple(self.train.x.shape[1:])
