"""Semeion, digits written twice by 80 people: text of 256 pixels and ten zeros and ones a line.

Shape suffixes: N sample, P number of a pixel or class.
"""

import string
from pathlib import Path

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Split
from moe_search.data.files.damage import damaged
from moe_search.data.sets.base import PublishedSet
from moe_search.data.split import with_drawn_test

_SIDE, _CLASSES = 16, 10
_TEST_SEED = 1593


class Semeion(PublishedSet):
    """The digits of Semeion, of which a fixed fifth is the test split."""

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Grey images [N, 1, 16, 16] of bytes, black or white.

        Raises:
            UserError: the file is missing or damaged.
        """
        path = folder / "semeion.data"
        try:
            values_NP = np.loadtxt(path, ndmin=2)
            if values_NP.shape[1:] != (_SIDE**2 + _CLASSES,) or not len(values_NP):
                raise ValueError(f"values of shape {values_NP.shape}")
            if not (
                np.isin(values_NP, (0, 1)).all() and (values_NP[:, _SIDE**2 :].sum(1) == 1).all()
            ):
                raise ValueError("values other than 0 and 1, or more than one class")
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error
        x_NP = (values_NP[:, : _SIDE**2] * 255).astype(np.uint8)
        y_N = values_NP[:, _SIDE**2 :].argmax(1)
        whole = Split(x_NP.reshape(-1, 1, _SIDE, _SIDE), y_N)
        training, held_out = with_drawn_test(whole, _TEST_SEED)
        return Raw(training, held_out if test else None, tuple(string.digits))


SEMEION = Semeion(
    files=Files("SEMEION", "SEMEION", ("semeion.data",), ("semeion", ""), root="SEMEION")
)
