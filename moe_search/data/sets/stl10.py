"""STL-10, photos of ten classes: files of bytes, an image's columns one after another.

Shape suffixes: N sample, C channel, W width, H height.
"""

from pathlib import Path

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.sets.base import PublishedSet
from moe_search.errors import UserError

_SIDE, _CHANNELS = 96, 3


class Stl10(PublishedSet):
    """The labelled photos of STL-10."""

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Colour images [N, 3, 96, 96] of bytes.

        Raises:
            UserError: a file is missing or damaged.
        """
        names = _bytes(folder / "class_names.txt").tobytes().decode("ascii", "replace").split()
        if len(names) != 10:
            raise UserError(f"{folder / 'class_names.txt'}: {len(names)} names, expected 10")
        return Raw(
            training=_samples(folder, "train"),
            test=_samples(folder, "test") if test else None,
            classes=tuple(names),
        )


STL10 = Stl10(
    files=Files(
        "STL10",
        "stl10_binary",
        ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt"),
        ("STL10/stl10_binary",),
    )
)


def _samples(folder: Path, split: str) -> Samples:
    images, labels = folder / f"{split}_X.bin", folder / f"{split}_y.bin"
    x, y_N = _bytes(images), _bytes(labels).astype(np.int64) - 1  # labels are from 1
    if not len(y_N) or len(x) != len(y_N) * _CHANNELS * _SIDE**2:
        raise UserError(
            f"{images}: {len(x)} bytes for {len(y_N)} labels; put the original in place"
        )
    if y_N.min() < 0 or y_N.max() > 9:
        raise UserError(f"{labels}: labels out of range, expected 1..10")
    return Split(x.reshape(-1, _CHANNELS, _SIDE, _SIDE).transpose(0, 1, 3, 2), y_N)


def _bytes(path: Path) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
