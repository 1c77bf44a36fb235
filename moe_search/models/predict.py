"""What a model says of files: images, and arrays of samples.

Shape suffixes: B sample, C class, M expert; H height, W width; S a sample's own axes: channels, H,
W for images or F for vectors.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from moe_search.data.files.damage import DAMAGE
from moe_search.data.files.image_files import image_files, to_save_anew, words_left_out
from moe_search.data.files.images import decode
from moe_search.data.files.tables import is_table, read_table
from moe_search.data.preprocessing import Preprocessing, as_input, input_warnings, raw_shape
from moe_search.data.samples import Shape
from moe_search.errors import UserError
from moe_search.package.classifier import Classifier
from moe_search.progress import Note, Progress, silent
from moe_search.words import one_line

_BATCH = 256
_ARRAYS = (".npy", ".npz")


@dataclass(frozen=True)
class Prediction:
    """What a model says of one sample.

    Attributes:
        sample: its number in an array, from 0; None for an image.
        label: the most probable class.
        probability: of that class.
        expert: the most probable expert, from 0.
    """

    file: str
    sample: int | None
    label: str
    probability: float
    expert: int


def predict(
    model: Classifier, file: Path, top1: bool = False, progress: Progress = silent
) -> Iterator[Prediction]:
    """Predict each sample of a file.

    Args:
        model: says how raw samples become its input.
        file: an image; an .npy, or an .npz of one array, of one sample or more, as the data set
            stores them: pixels 0..1 or bytes 0..255, or features; or a table of rows.
        top1: evaluate only each sample's most probable expert.
        progress: is told where values are far from those of training, or categories are new.

    Raises:
        UserError: the file cannot be read or its samples do not fit the model; ``top1`` of a
            model whose gate is attentive.
    """
    many = holds_many(file)
    for start, x in batches(model, file, progress):
        with torch.no_grad():
            seen = model.seen(x, progress)
            gate_BM = model.gate(seen)
            try:
                p_BC = model.top1(seen) if top1 else model(seen)
            except ValueError as error:
                raise UserError(f"--top1: {error}") from None
        best = p_BC.max(1)
        rows = zip(best.values.tolist(), best.indices.tolist(), gate_BM.argmax(1), strict=True)
        for number, (probability, label, expert) in enumerate(rows, start):
            sample = number if many else None
            yield Prediction(str(file), sample, model.labels[label], probability, int(expert))


def files_in(paths: Sequence[Path], progress: Progress = silent) -> list[Path]:
    """The files that are meant: each itself, and of a folder the images below it, by name.

    Raises:
        UserError: a folder has no images.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        left_out: Counter[str] = Counter()
        images = list(image_files(path, left_out))
        if not images:
            raise UserError(
                f"{path}: a folder without images; expected files such as .png or .jpg"
                + to_save_anew(left_out)
            )
        if left_out:
            progress(Note(f"{path}: {words_left_out(left_out)}"))
        files += images
    return files


def holds_many(file: Path) -> bool:
    """Whether a file holds an array or a table, whose samples have numbers; others are images."""
    return file.suffix.lower() in _ARRAYS or is_table(file)


def batches(
    model: Classifier, file: Path, progress: Progress = silent
) -> Iterator[tuple[int, torch.Tensor]]:
    """The samples of a file as the model takes them [B, S], each with the number of its first.

    Raises:
        UserError: the file cannot be read or its samples do not fit the model.
    """
    preprocessing = model.preprocessing
    shape = raw_shape(model.mixtures.architecture.shape, preprocessing)
    try:
        values = _raw(file, shape, preprocessing)
        x_BS = as_input(values, shape, preprocessing, pixels=not holds_many(file))
    except ValueError as error:
        raise UserError(one_line(f"{file}: {error}")) from None
    for warning in input_warnings(values, x_BS, shape, preprocessing):
        progress(Note(f"{file}: {warning}"))
    for start in range(0, len(x_BS), _BATCH):
        yield start, torch.from_numpy(x_BS[start : start + _BATCH])


def _raw(file: Path, shape: Shape, preprocessing: Preprocessing | None) -> Any:
    """What a file holds: rows, an array, or one image in the model's size and channels."""
    if is_table(file):
        encoding = preprocessing.encoding if preprocessing else None
        columns = encoding.columns if encoding else ()
        texts = [column.name for column in columns if column.kind == "category"]
        known = [column.name for column in columns]
        comma = bool(encoding and encoding.decimal_comma)
        return read_table(file, names=known, texts=texts, decimal_comma=comma)
    if holds_many(file):
        return _read(file)
    if preprocessing and preprocessing.encoding:
        names = ", ".join(column.name for column in preprocessing.encoding.columns)
        raise UserError(
            f"{file}: the model takes rows of a table; give one such as .csv or .parquet, with the "
            f"columns {names}"
        )
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UserError(f"{file}: the model takes samples {[*shape]}, no images; give an .npy file")
    channels, height, width = shape
    return decode(file, (height, width), channels, str(file))


def _read(file: Path) -> npt.NDArray[Any]:
    """The array of an .npy file, or the only one of an .npz file."""
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as archive:
            if len(archive.files) != 1:
                names = ", ".join(archive.files) or "none"
                raise UserError(f"{file}: holds the arrays {names}; expected one array")
            array: npt.NDArray[Any] = archive[archive.files[0]]
            return array
    except DAMAGE as error:
        raise UserError(f"{file}: not a readable array ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
