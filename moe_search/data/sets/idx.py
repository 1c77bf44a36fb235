"""MNIST and FashionMNIST as published: IDX files of unsigned bytes, plain or gzipped.

Shape suffixes: N sample, H height, W width.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.sets.base import PublishedSet
from moe_search.errors import UserError

FILES = tuple(
    f"{split}-{kind}-ubyte"
    for split in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
)

_SIDE = 28
_UNSIGNED_BYTE = 8


@dataclass(frozen=True, kw_only=True)
class IdxSet(PublishedSet):
    """MNIST or one of its kind.

    Attributes:
        classes: names by class number.
    """

    classes: tuple[str, ...]

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Grey images [N, 1, 28, 28] of bytes.

        Raises:
            UserError: a file is missing, damaged, or not of 28 x 28 images and labels 0..9.
        """
        return Raw(
            training=_samples(folder, "train"),
            test=_samples(folder, "t10k") if test else None,
            classes=self.classes,
        )


MNIST = IdxSet(
    files=Files("MNIST", "MNIST/raw", FILES),
    classes=tuple("0123456789"),
    moments=((0.1307,), (0.3081,)),
)

FASHION_MNIST = IdxSet(
    files=Files("FashionMNIST", "FashionMNIST/raw", FILES, ("/usr/share/datasets/fashion-mnist",)),
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    moments=((0.2859,), (0.3530,)),
)


def _samples(folder: Path, split: str) -> Samples:
    images, labels = (_existing(folder / name) for name in FILES if name.startswith(split))
    x_NHW, y_N = read_idx(images, dimensions=3), read_idx(labels, dimensions=1)
    if x_NHW.shape[1:] != (_SIDE, _SIDE):
        height, width = x_NHW.shape[1:]
        raise UserError(f"{images}: images of {height} x {width}, expected {_SIDE} x {_SIDE}")
    if len(x_NHW) != len(y_N):
        raise UserError(f"{labels}: {len(y_N)} labels for {len(x_NHW)} images in {images.name}")
    if len(y_N) == 0:
        raise UserError(f"{labels}: holds no samples")
    if y_N.max() > 9:
        raise UserError(f"{labels}: label {y_N.max()} out of range, expected 0..9")
    return Split(x_NHW[:, np.newaxis], y_N.astype(np.int64))


def _existing(path: Path) -> Path:
    return path if path.is_file() else path.with_name(f"{path.name}.gz")


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Unsigned bytes of one IDX file, gzipped where the name ends in .gz; read-only.

    Raises:
        UserError: the file is not readable or not such a file, or its length is not what its
            header says.
    """
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content: bytes = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); put the original in place") from error
    magic, header = bytes((0, 0, _UNSIGNED_BYTE, dimensions)), 4 + 4 * dimensions
    if content[:4] != magic or len(content) < header:
        raise UserError(
            f"{path}: starts with {content[:4].hex() or 'nothing'}, expected {magic.hex()} "
            f"(an IDX file of {dimensions}-dimensional unsigned bytes)"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise UserError(
            f"{path}: {len(content) - header} bytes of data where its header says "
            f"{' x '.join(map(str, shape))} = {math.prod(shape)}; put the original in place"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
