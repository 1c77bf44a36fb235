"""USPS, digits of envelopes: text of a label and 256 numbered values a line, packed.

Shape suffixes: N sample, H height, W width, P number of a pixel.
"""

import bz2
import string
from pathlib import Path

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.damage import damaged
from moe_search.data.sets.base import PublishedSet

_SIDE = 16


class Usps(PublishedSet):
    """The digits of USPS."""

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Grey images [N, 1, 16, 16] of bytes, as torchvision gives them.

        Raises:
            UserError: a file is missing or damaged.
        """
        return Raw(
            training=_samples(folder / "usps.bz2"),
            test=_samples(folder / "usps.t.bz2") if test else None,
            classes=tuple(string.digits),
        )


USPS = Usps(
    files=Files(
        "USPS",
        "USPS",
        ("usps.bz2", "usps.t.bz2"),
        ("usps", ""),
        root="USPS",
        parts=({"train": True}, {"train": False}),
    )
)


def _samples(path: Path) -> Samples:
    try:
        with bz2.open(path, "rt", encoding="ascii") as file:
            rows = [line.split() for line in file]
        y_N = np.array([int(row[0]) - 1 for row in rows], np.int64)  # labels are from 1
        values = [[cell.rpartition(":")[2] for cell in row[1:]] for row in rows]
        x_NP = np.array(values, np.float32)  # of -1 to 1
        if x_NP.shape != (len(y_N), _SIDE**2) or not len(y_N):
            raise ValueError(f"values of shape {x_NP.shape}")
        if y_N.min() < 0 or y_N.max() > 9 or not np.abs(x_NP).max() <= 1:
            raise ValueError("labels beyond 1..10, or values beyond -1..1")
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise damaged(path, error) from error
    return Split(((x_NP + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, _SIDE, _SIDE), y_N)
