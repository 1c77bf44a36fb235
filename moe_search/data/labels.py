"""Labels of any kind as class numbers and names.

Shape suffixes: N sample, C class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Ints
from moe_search.errors import UserError

_NAMED = 8  # labels of which a line names all
_MOST_CLASSES = 0.75  # for each sample; above that labels are names or measurements of samples


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of training labels, in sorted order.

    Attributes:
        labels_C: each class's label; text, whole numbers, or false and true.
        names: the same as text.
    """

    labels_C: npt.NDArray[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The labels as text, by class number."""
        return tuple(map(str, self.labels_C.tolist()))

    def numbers(self, y: npt.NDArray[Any], where: str) -> Ints:
        """Class numbers [N] of labels as they are stored.

        Raises:
            UserError: a label is none of these classes'; ``where`` says whose.
        """
        plain_N = plain_labels(y, where)
        if (plain_N.dtype.kind == "U") != (self.labels_C.dtype.kind == "U"):
            given, ours = plain_N.tolist()[0], self.labels_C.tolist()[0]
            raise UserError(f"{where}: labels such as {given!r}, in training such as {ours!r}")
        known_N = np.isin(plain_N, self.labels_C)
        if not known_N.all():
            unknown = plain_N[~known_N][0]
            raise UserError(f"{where}: label {unknown} is none of {self._listed()} in training")
        return np.searchsorted(self.labels_C, plain_N).astype(np.int64)

    def mapping(self) -> str:
        """What became of the labels, in words; empty where they are 0..C-1 already."""
        count = len(self.labels_C)
        if self.labels_C.dtype.kind in "iu" and np.array_equal(self.labels_C, np.arange(count)):
            return ""
        return f"labels {self._listed()} are classes 0 to {count - 1}, and keep their names"

    def _listed(self) -> str:
        names = self.names
        if len(names) <= _NAMED:
            return ", ".join(names)
        return f"{', '.join(names[: _NAMED - 1])}, ..., {names[-1]}"


def classes_of(y: npt.NDArray[Any], where: str) -> Classes:
    """The classes of training labels.

    Args:
        y: [N] or [N, 1] of text, whole numbers of any type, or true and false; or [N, C] of zeros
            and a one in each row.
        where: whose they are, for the error.

    Raises:
        UserError: they are no classes: of another kind, of fewer than two, or too many to learn.
    """
    plain_N = plain_labels(y, where)
    labels_C = np.unique(plain_N)
    if len(labels_C) < 2:
        alone = labels_C.tolist()[0] if len(labels_C) else "no label"
        raise UserError(f"{where}: one class ({alone}); expected two or more")
    if len(labels_C) > _MOST_CLASSES * len(plain_N):
        raise UserError(
            f"{where}: {len(labels_C):,} different labels of {len(plain_N):,} samples; these are "
            "no classes, which have samples in common"
        )
    return Classes(labels_C)


def plain_labels(y: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """Labels [N] of text without spaces around it, whole numbers, or true and false.

    Raises:
        UserError: they are of another kind; ``where`` says whose.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "biuf":
        y = _one_hot(y, where)
    if y.ndim != 1 or y.dtype.kind not in "biufUSOT":
        raise UserError(f"{where}: {y.dtype} of shape {y.shape}, expected one label per sample")
    match y.dtype.kind:
        case "f":
            return _whole(y, where)
        case "S":
            return np.asarray(np.char.strip(np.char.decode(y, "utf-8", "replace")))
        case "U":
            return np.asarray(np.char.strip(y))
        case "O" | "T":
            return _as_text_or_numbers(y, where)
        case _:
            return y


def _one_hot(y_NC: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    ones = (y_NC == 1).sum(1) == 1
    zeros = (y_NC == 0).sum(1) == y_NC.shape[1] - 1
    if not (ones & zeros).all():
        row = np.flatnonzero(~(ones & zeros))[0]
        raise UserError(
            f"{where}: shape {y_NC.shape}, and row {row} is not zeros and a single one; expected "
            "one label per sample"
        )
    return np.asarray(y_NC.argmax(1))


def _whole(y_N: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    wrong_N = ~(y_N == np.round(y_N)) | (np.abs(y_N) > 2**53)
    if wrong_N.any():
        raise UserError(
            f"{where}: holds {y_N[wrong_N][0]:g}, expected classes: text or whole numbers"
        )
    return np.asarray(y_N, np.int64)


def _as_text_or_numbers(y_N: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """Labels of Python objects: whole numbers where all of them are, or else text."""
    values = y_N.tolist()
    if all(isinstance(value, int) for value in values):
        return np.array(values)
    if all(isinstance(value, int | float) for value in values):
        return _whole(np.array(values, float), where)
    return np.array([str(value).strip() for value in values])
