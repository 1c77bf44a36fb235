"""A user's own arrays: samples and labels, perhaps of three splits.

Shape suffixes: N sample, S a sample's own axes: C, H, W for images or F for vectors.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.array_files import ArrayFiles, open_arrays
from moe_search.data.files.hidden import visible
from moe_search.data.files.split_words import SplitName
from moe_search.data.labels import Classes, classes_of
from moe_search.data.samples import as_samples, has_float32_range, sample_shape
from moe_search.data.sets.base import DataSet, own_path
from moe_search.data.split import with_drawn_test
from moe_search.errors import UserError
from moe_search.progress import Note, Progress
from moe_search.spec.sections import Data


class Arrays(DataSet):
    """Arrays of one .npz file or of a folder of .npy files, of which each is mapped."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Read them without unpickling.

        The keys are x_train and y_train with x_val, y_val, x_test and y_test, or others that people
        use (see ``array_files``). x is of any layout that ``sample_shape`` knows; uint8 is taken as
        pixels in 0..255, other numbers as they are, and a split of another type than x_train is
        scaled alike. y is of any kind that ``classes_of`` knows. Without x_test a stratified fifth
        of the training data is the test split, drawn by ``source.seed``.

        Raises:
            UserError: a file is missing or damaged, or an array is not as said above.
        """
        path = own_path(source)
        with open_arrays(source) as files:
            reader = _Reader(f"{path}: ", files, source, progress)
            training, held_out = reader.training, None
            validation = reader.held_out("validation") if files.has("validation") else None
            if not files.has("test"):
                training, held_out = with_drawn_test(training, source.seed)
            elif test:
                held_out = reader.held_out("test")
        if reader.classes.mapping():
            progress(Note(f"{path}: {reader.classes.mapping()}"))
        return Raw(training, held_out if test else None, reader.classes.names, validation)

    def claims(self, path: Path) -> bool:
        """Whether it is an .npz or .npy file, or a folder of .npy files."""
        return path.suffix in (".npz", ".npy") or (path.is_dir() and any(visible(path, "*.npy")))


ARRAYS = Arrays()


_OVERSHOT = 2.0
"""What shares of 0..1 may come to by resizing; larger values of up to 255 are those of bytes."""


class _Reader:
    """Reads splits that are all like the training data."""

    def __init__(self, path: str, files: ArrayFiles, source: Data, progress: Progress) -> None:
        self._path = path
        self._files = files
        self._layout = source.layout
        self._progress = progress
        x, y = self._x("train"), files.array("y", "train")
        where = path + files.name("x", "train")
        try:
            self._shape = sample_shape(x.shape, self._layout)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from None
        x_NS = _finite(as_samples(x, self._shape, self._layout), where)
        self.classes: Classes = classes_of(y, path + files.name("y", "train"))
        self.training = self._split(x_NS, y, "train")

    def held_out(self, split: SplitName) -> Samples:
        """A split whose samples and labels are like those of the training data."""
        x, y = self._x(split), self._files.array("y", split)
        where = self._path + self._files.name("x", split)
        try:
            x_NS = as_samples(x, self._shape, self._layout)
        except ValueError:
            training = self._files.name("x", "train")
            raise UserError(
                f"{where}: samples of shape {x.shape[1:]}, those of {training} have {self._shape}"
            ) from None
        x_NS = self._alike(_finite(x_NS, where), where)
        return self._split(x_NS, y, split)

    def _x(self, split: SplitName) -> npt.NDArray[Any]:
        x, where = self._files.array("x", split), self._path + self._files.name("x", split)
        if x.dtype.kind not in "biuf":
            raise UserError(f"{where}: holds {x.dtype}, expected numbers")
        if x.size == 0:
            raise UserError(f"{where}: is empty (shape {x.shape})")
        return x

    def _split(self, x_NS: npt.NDArray[Any], y: npt.NDArray[Any], split: SplitName) -> Samples:
        where = self._path + self._files.name("y", split)
        if len(x_NS) != len(y):
            raise UserError(f"{where}: {len(y)} labels for {len(x_NS)} samples")
        return Split(x_NS, self.classes.numbers(y, where))

    def _alike(self, x_NS: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
        """Values on the training data's scale: bytes are pixels, which count as 0..1.

        Of bytes that are all 0 or 1, other numbers of 0 to 1 are the same, and not such pixels.
        """
        ours = self.training.x
        images = len(self._shape) == 3
        are_bytes = [each.dtype == np.uint8 for each in (ours, x_NS)]
        if all(are_bytes) or not (images or any(are_bytes)):
            return x_NS
        (least, most), (low, high) = (
            (float(each.min()), float(each.max())) for each in (ours, x_NS)
        )
        if not any(are_bytes):
            if not (least >= 0 and most <= 1 and low >= 0 and _OVERSHOT < high <= 255):
                return x_NS
        elif ours.dtype == np.uint8:
            if low >= 0 and high <= 1 < most and x_NS.dtype.kind in "bf":
                return x_NS
            if low >= 0 and high <= 255:
                self._progress(Note(f"{where}: divided by 255, as the bytes of training are"))
                return (x_NS / 255).astype(np.float32)
        elif least >= 0 and most <= 1 < high:
            if images:
                return x_NS
        elif not images or (least >= 0 and most <= 255):
            return x_NS.astype(np.float32)
        raise UserError(
            f"{where}: {x_NS.dtype} of {low:g} to {high:g}, but training is {ours.dtype} of "
            f"{least:g} to {most:g}; save both on one scale"
        )


def _finite(x_NS: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """The same, none of it beyond what float32 may hold."""
    if x_NS.dtype != np.uint8 and not has_float32_range(x_NS):
        raise UserError(f"{where}: holds NaN or numbers too large for float32")
    return x_NS
