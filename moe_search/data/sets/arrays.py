"""A user's own arrays: an .npz with x_train and y_train, perhaps x_val, y_val, x_test, y_test.

Shape suffixes: N sample, C channel, H height, W width, F feature, S a sample's own axes.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Raw, Samples, Split, chosen
from moe_search.data.sets.base import DataSet, own_path
from moe_search.data.split import drawn_test
from moe_search.errors import UserError
from moe_search.progress import Progress
from moe_search.spec.sections import Data

# What NumPy raises on a damaged archive; a damaged header may ask for any amount of memory.
_DAMAGE = (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)


class Arrays(DataSet):
    """Arrays of one .npz file."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Read them without unpickling.

        x is [N, F], [N, H, W] (grey), [N, C, H, W], or [N, H, W, C] where C is 1 or 3 and the
        second axis is neither. uint8 is taken as pixels in 0..255, other numbers as they are. y is
        [N] of integers 0..C-1, and every class is in y_train. Without x_test a stratified fifth of
        the training data is the test split, drawn by ``source.seed``.

        Raises:
            UserError: the file is missing or damaged, or an array is not as said above.
        """
        path = own_path(source)
        with _open(path) as archive:
            training = _samples(path, archive, "train")
            classes = _classes(path, training)
            validation = held_out = None
            if _is_given(archive, "val"):
                validation = _held_out(path, archive, "val", training, classes)
            if not _is_given(archive, "test"):
                drawn, rest = drawn_test(training.y, source.seed)
                training, held_out = chosen(training, rest), chosen(training, drawn)
            elif test:
                held_out = _held_out(path, archive, "test", training, classes)
        names = tuple(map(str, range(classes)))
        return Raw(training, held_out if test else None, names, validation)


ARRAYS = Arrays()


def _is_given(archive: Any, split: str) -> bool:
    return f"x_{split}" in archive or f"y_{split}" in archive


def _classes(path: Path, training: Samples) -> int:
    labels = np.unique(training.y)
    gaps = np.flatnonzero(labels != np.arange(len(labels)))
    if len(gaps) or len(labels) < 2:
        wrong = f"label {labels[gaps[0]]} but none is {gaps[0]}" if len(gaps) else "one class"
        raise UserError(f"{path}: y_train: {wrong}; number two or more classes 0..C-1")
    return len(labels)


def _open(path: Path) -> Any:
    try:
        archive = np.load(path, allow_pickle=False)
    except _DAMAGE as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "damaged"
        raise UserError(f"{path}: not a readable .npz file ({why})") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise UserError(f"{path}: not an .npz file; save one with numpy.savez")
    return archive


def _samples(path: Path, archive: Any, split: str) -> Samples:
    x_NS = _values(_array(path, archive, f"x_{split}"), f"{path}: x_{split}")
    y_N = _labels(_array(path, archive, f"y_{split}"), f"{path}: y_{split}")
    if len(x_NS) != len(y_N):
        raise UserError(f"{path}: y_{split}: {len(y_N)} labels for {len(x_NS)} samples")
    return Split(x_NS, y_N)


def _array(path: Path, archive: Any, key: str) -> npt.NDArray[Any]:
    if key not in archive:
        splits = "x_train and y_train, perhaps x_val, y_val, x_test and y_test"
        raise UserError(f"{path}: has no {key}, expected {splits}")
    try:
        array = archive[key]
    except _DAMAGE as error:
        raise UserError(
            f"{path}: {key}: cannot be read ({' '.join(str(error).split())})"
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: {key}: not an array")
    return array


def _values(x: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    if x.dtype.kind not in "biuf":
        raise UserError(f"{where}: holds {x.dtype}, expected numbers")
    if x.ndim not in (2, 3, 4):
        raise UserError(f"{where}: has {x.ndim} axes, expected [N, F], [N, H, W] or [N, C, H, W]")
    if x.size == 0:
        raise UserError(f"{where}: is empty (shape {x.shape})")
    if x.ndim == 3:
        x = x[:, np.newaxis]
    elif x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.dtype == np.uint8:
        return x
    with np.errstate(over="ignore"):
        x = x.astype(np.float32, copy=False)
    if not np.isfinite(x).all():
        raise UserError(f"{where}: holds NaN or numbers too large for float32")
    return x


def _labels(y: npt.NDArray[Any], where: str) -> npt.NDArray[np.int64]:
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise UserError(f"{where}: {y.dtype} of shape {y.shape}, expected one integer per sample")
    if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
        wrong = y.min() if y.min() < 0 else y.max()
        raise UserError(f"{where}: label {wrong} out of range, expected 0..C-1")
    return y.astype(np.int64)


def _held_out(path: Path, archive: Any, split: str, training: Samples, classes: int) -> Samples:
    """A split whose samples and labels are like those of the training data."""
    held_out = _samples(path, archive, split)
    if held_out.x.shape[1:] != training.x.shape[1:]:
        raise UserError(
            f"{path}: x_{split}: samples of shape {held_out.x.shape[1:]}, "
            f"those of x_train have {training.x.shape[1:]}"
        )
    if held_out.y.max() >= classes:
        raise UserError(
            f"{path}: y_{split}: label {held_out.y.max()} out of range, expected 0..{classes - 1}"
        )
    return held_out
