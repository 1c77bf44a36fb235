"""SVHN, house numbers seen from the street: MATLAB files of colour images.

Shape suffixes: N sample, H height, W width, C channel.
"""

import string
from pathlib import Path

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.matlab import read_matlab
from moe_search.data.sets.base import PublishedSet
from moe_search.errors import UserError


class Svhn(PublishedSet):
    """The digits of SVHN, without its extra training images."""

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Colour images [N, 3, 32, 32] of bytes.

        Raises:
            UserError: a file is missing or damaged.
        """
        return Raw(
            training=_samples(folder / "train_32x32.mat"),
            test=_samples(folder / "test_32x32.mat") if test else None,
            classes=tuple(string.digits),
        )


SVHN = Svhn(
    files=Files(
        "SVHN",
        "SVHN",
        ("train_32x32.mat", "test_32x32.mat"),
        ("svhn", ""),
        root="SVHN",
        parts=({"split": "train"}, {"split": "test"}),
    )
)


def _samples(path: Path) -> Samples:
    x_HWCN, y_N = read_matlab(path, "X", "y")
    y_N = y_N.ravel()
    if x_HWCN.shape[:3] != (32, 32, 3) or x_HWCN.shape[3:] != y_N.shape or not len(y_N):
        what = f"images of shape {x_HWCN.shape} and {len(y_N)} labels"
        raise UserError(f"{path}: cannot be read ({what}); put the original in place")
    labels_N = np.where(y_N == 10, 0, y_N).astype(np.int64)  # the file's 10 is the digit 0
    if labels_N.min() < 0 or labels_N.max() > 9:
        raise UserError(f"{path}: label {y_N.max()} out of range, expected 1..10")
    return Split(x_HWCN.transpose(3, 2, 0, 1).astype(np.uint8, copy=False), labels_N)
