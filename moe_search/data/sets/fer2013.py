"""FER2013, faces by what they show: a table with the pixels of an image in each row.

Shape suffixes: N sample, P pixel.
"""

from pathlib import Path

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.damage import damaged
from moe_search.data.files.tables import Frame, read_table
from moe_search.data.sets.base import PublishedSet
from moe_search.errors import UserError

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_TABLES = ("fer2013.csv", "icml_face_data.csv")
"""Tables of the same rows, of which the first that is there is read."""

_COLUMNS = ("emotion", "pixels", "Usage")
_TRAINING, _TEST = ("Training",), ("PublicTest", "PrivateTest")
_SIDE = 48


class Fer2013(PublishedSet):
    """The faces of FER2013."""

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Grey images [N, 1, 48, 48] of bytes.

        Raises:
            UserError: the table is missing or damaged.
        """
        files = (folder / f"{name}{packed}" for name in _TABLES for packed in ("", ".gz"))
        path = next((file for file in files if file.is_file()), folder / _TABLES[0])
        frame = read_table(path)
        if not {*_COLUMNS} <= {*frame.columns}:
            raise UserError(
                f"{path}: has no columns {', '.join(_COLUMNS)}; put the original in place"
            )
        training = _samples(path, frame, _TRAINING)
        return Raw(training, _samples(path, frame, _TEST) if test else None, CLASSES)


FER2013 = Fer2013(
    files=Files(
        "FER2013",
        "fer2013",
        names=(),
        either=_TABLES,
        page="https://www.kaggle.com/c/"
        "challenges-in-representation-learning-facial-expression-recognition-challenge",
    )
)


def _samples(path: Path, frame: Frame, usage: tuple[str, ...]) -> Samples:
    chosen = frame[frame["Usage"].isin(usage)]
    try:
        if not len(chosen):
            raise ValueError(f"no rows of {' or '.join(usage)}")
        x_NP = np.loadtxt(chosen["pixels"], np.uint8, ndmin=2)
        y_N = chosen["emotion"].to_numpy(np.int64)
        if x_NP.shape[1:] != (_SIDE**2,):
            raise ValueError(f"pixels of shape {x_NP.shape}")
        if y_N.min() < 0 or y_N.max() >= len(CLASSES):
            raise ValueError(f"emotions {y_N.min()} to {y_N.max()}, expected 0 to 6")
    except (ValueError, TypeError) as error:
        raise damaged(path, error) from error
    return Split(x_NP.reshape(-1, 1, _SIDE, _SIDE), y_N)
