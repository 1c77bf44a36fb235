"""MNIST and what has its form: IDX files of grey images, plain or gzipped.

Shape suffixes: N sample, H height, W width.
"""

import gzip
import math
import string
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.damage import damaged
from moe_search.data.sets.base import PublishedSet
from moe_search.errors import UserError

_SIDE = 28
_UNSIGNED_BYTE, _INT = 8, 12


def _names(prefix: str, split: str, labels: str = "labels-idx1-ubyte") -> tuple[str, str]:
    """The files of images and of labels."""
    return f"{prefix}{split}-images-idx3-ubyte", f"{prefix}{split}-{labels}"


_TRAINING, _TEST = _names("", "train"), _names("", "t10k")


@dataclass(frozen=True, kw_only=True)
class IdxSet(PublishedSet):
    """MNIST or one of its kind.

    Attributes:
        classes: names by class number.
        training, test: the files of images and of labels.
        first_label: the number of the first class.
        transposed: whether the files hold columns where others hold rows.
    """

    classes: tuple[str, ...]
    training: tuple[str, str] = _TRAINING
    test: tuple[str, str] = _TEST
    first_label: int = 0
    transposed: bool = False

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Grey images [N, 1, 28, 28] of bytes.

        Raises:
            UserError: a file is missing, damaged, or not of 28 x 28 images and labels of classes.
        """
        return Raw(
            training=self._samples(folder, self.training),
            test=self._samples(folder, self.test) if test else None,
            classes=self.classes,
        )

    def _samples(self, folder: Path, files: tuple[str, str]) -> Samples:
        images, labels = (_existing(folder / name) for name in files)
        x_NHW = read_idx(images, dimensions=3)
        y_N = read_labels(labels).astype(np.int64) - self.first_label
        if x_NHW.shape[1:] != (_SIDE, _SIDE):
            height, width = x_NHW.shape[1:]
            raise UserError(f"{images}: images of {height} x {width}, expected {_SIDE} x {_SIDE}")
        if len(x_NHW) != len(y_N):
            raise UserError(f"{labels}: {len(y_N)} labels for {len(x_NHW)} images in {images.name}")
        if len(y_N) == 0:
            raise UserError(f"{labels}: holds no samples")
        if y_N.min() < 0 or y_N.max() >= len(self.classes):
            wrong = (y_N.max() if y_N.min() >= 0 else y_N.min()) + self.first_label
            last = self.first_label + len(self.classes) - 1
            raise UserError(
                f"{labels}: label {wrong} out of range, expected {self.first_label}..{last}"
            )
        if self.transposed:
            x_NHW = x_NHW.transpose(0, 2, 1)
        return Split(x_NHW[:, np.newaxis], y_N)


MNIST = IdxSet(
    files=Files("MNIST", "MNIST/raw", (*_TRAINING, *_TEST)),
    classes=tuple(string.digits),
    moments=((0.1307,), (0.3081,)),
)

KMNIST = IdxSet(
    files=Files("KMNIST", "KMNIST/raw", (*_TRAINING, *_TEST)),
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
)

FASHION_MNIST = IdxSet(
    files=Files(
        "FashionMNIST",
        "FashionMNIST/raw",
        (*_TRAINING, *_TEST),
        ("/usr/share/datasets/fashion-mnist",),
    ),
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


_QMNIST = (
    _names("qmnist-", "train", "labels-idx2-int"),
    _names("qmnist-", "test", "labels-idx2-int"),
)

QMNIST = IdxSet(
    files=Files(
        "QMNIST",
        "QMNIST/raw",
        (*_QMNIST[0], *_QMNIST[1]),
        parts=({"what": "train"}, {"what": "test"}),
    ),
    classes=tuple(string.digits),
    training=_QMNIST[0],
    test=_QMNIST[1],
)


def _emnist(split: str, classes: str, first_label: int = 0) -> IdxSet:
    """One of EMNIST's splits, whose images lie on their sides in the files."""
    training, test = (_names(f"emnist-{split}-", part) for part in ("train", "test"))
    return IdxSet(
        files=Files("EMNIST", "EMNIST/raw", (*training, *test), parts=({"split": split},)),
        classes=tuple(classes),
        training=training,
        test=test,
        first_label=first_label,
        transposed=True,
    )


_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"  # others look like capitals

EMNIST_BALANCED = _emnist("balanced", _MERGED)
EMNIST_BYMERGE = _emnist("bymerge", _MERGED)
EMNIST_BYCLASS = _emnist("byclass", string.digits + string.ascii_uppercase + string.ascii_lowercase)
EMNIST_LETTERS = _emnist("letters", string.ascii_lowercase, first_label=1)
EMNIST_DIGITS = _emnist("digits", string.digits)
EMNIST_MNIST = _emnist("mnist", string.digits)


def _existing(path: Path) -> Path:
    return path if path.is_file() else path.with_name(f"{path.name}.gz")


def read_labels(path: Path) -> npt.NDArray[Any]:
    """Labels [N] of an IDX file; of a table of whole numbers, as QMNIST has, the first column."""
    if "idx2-int" in path.name:
        return read_idx(path, dimensions=2, kind=_INT)[:, 0]
    return read_idx(path, dimensions=1)


def read_idx(path: Path, dimensions: int, kind: int = _UNSIGNED_BYTE) -> npt.NDArray[Any]:
    """Unsigned bytes, or whole numbers, of one IDX file, gzipped where the name ends in .gz.

    They are read-only.

    Raises:
        UserError: the file is not readable or not such a file, or its length is not what its
            header says.
    """
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content: bytes = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from error
    magic, header = bytes((0, 0, kind, dimensions)), 4 + 4 * dimensions
    dtype = np.dtype(np.uint8 if kind == _UNSIGNED_BYTE else ">i4")
    if content[:4] != magic or len(content) < header:
        what = "unsigned bytes" if kind == _UNSIGNED_BYTE else "whole numbers"
        raise UserError(
            f"{path}: starts with {content[:4].hex() or 'nothing'}, expected {magic.hex()} "
            f"(an IDX file of {dimensions}-dimensional {what})"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape) * dtype.itemsize:
        raise UserError(
            f"{path}: {len(content) - header} bytes of data where its header says "
            f"{' x '.join(map(str, shape))} = {math.prod(shape)}; put the original in place"
        )
    return np.frombuffer(content, dtype, offset=header).reshape(shape)
