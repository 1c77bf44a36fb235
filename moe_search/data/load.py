"""From a source to a data set that is split and normalised.

Shape suffixes: N sample, S a sample's own axes: C, H, W for images or F for vectors.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import PADDING, Dataset, Ints, Raw, Samples, Split, chosen
from moe_search.data.encoding import Encoding
from moe_search.data.normalise import moments, normalise
from moe_search.data.preprocessing import Preprocessing
from moe_search.data.sets.base import DataSet
from moe_search.data.split import stratified, validation_count
from moe_search.errors import UserError
from moe_search.progress import Note, Progress, Working, silent
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.spec.sections import Data

KNOWN = DATA_SETS.names(lambda kind: kind.path is None)
"""Data sets that need no path."""

_STAND_INS = 10_000  # judged after every epoch, so more would cost a third of a training


@dataclass(frozen=True)
class Prepared:
    """Where a data set lies (None: within a package) and what it holds."""

    name: str
    folder: Path | None
    training: int
    test: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]


def load(source: Data, test: bool = False, progress: Progress = silent) -> Dataset:
    """Read, split, encode and normalise a data set; download a published one that is nowhere.

    Where nothing is held out for validation, training samples stand in, up to 10,000 of them.
    Published data sets are normalised by the published constants, others by mean and SD of the
    training split, by which also a table is encoded. The test split is read only where ``test``
    asks for it. All of it is then resident, as float32.

    Raises:
        UserError: data missing, damaged or not fit for what ``source`` asks.
    """
    data_set: DataSet = DATA_SETS[source.name].load()
    raw = read(source, test, progress)
    training, validation = _training_and_validation(source, raw, progress)
    encoding = None if raw.kinds is None else Encoding.fit(training.x, raw.kinds)
    x_NS = _values(training, encoding)
    mean, std = data_set.moments or moments(x_NS)
    preprocessing = _preprocessing(training, x_NS, encoding)

    def ready(split: Samples) -> Samples:
        return Split(normalise(_values(split, encoding), mean, std), split.y)

    train = Split(normalise(x_NS, mean, std), training.y)
    found = Dataset(
        name=source.name,
        train=train,
        validation=train if validation is None else ready(validation),
        test=None if raw.test is None else ready(raw.test),
        classes=raw.classes,
        mean=mean,
        std=std,
        augment=_augmented(source, data_set, train.x.shape[1:]),
        preprocessing=preprocessing,
    )
    _tell_lacking(found, progress)
    return found


def prepare(name: str, root: Path | None = None, progress: Progress = silent) -> Prepared:
    """Find or download a data set that needs no path, and verify it by loading all of it.

    Raises:
        UserError: unknown name, or what ``load`` raises.
    """
    if name not in DATA_SETS or DATA_SETS[name].path is not None:
        raise UserError(f"data {name}: cannot be prepared; one of {', '.join(KNOWN)}")
    folder = DATA_SETS[name].load().folder(root, progress)
    progress(Working(f"checking {name}"))
    dataset = load(Data(name=name, root=root), test=True, progress=progress)
    assert dataset.test is not None
    return Prepared(
        name=name,
        folder=folder,
        training=len(dataset.train.y) + len(dataset.validation.y),
        test=len(dataset.test.y),
        shape=dataset.shape,
        classes=dataset.classes,
    )


def read(source: Data, test: bool, progress: Progress = silent) -> Raw:
    """Read a data set as stored; download a published one that is nowhere.

    Raises:
        UserError: data missing, damaged or not fit for what ``source`` asks.
    """
    data_set: DataSet = DATA_SETS[source.name].load()
    try:
        return data_set.read(source, test, progress)
    except UserError as error:
        if source.path is None or data_set.claims(source.path):
            raise
        other = reader_of(source.path)
        if other is None:
            raise
        raise UserError(f"{error}; data.name: {other} reads it") from error


def own_readers() -> list[str]:
    """Data sets that read a user's own data, by name."""
    return [name for name in (*DATA_SETS, *DATA_SETS.installed()) if DATA_SETS[name].path]


def reader_of(path: Path) -> str | None:
    """The data set that a file or folder of a user's is likely to be for; None if for none."""

    def claims(name: str) -> bool:
        data_set: DataSet = DATA_SETS[name].load()
        return data_set.claims(path)

    return next(filter(claims, own_readers()), None) if path.exists() else None


def _training_and_validation(
    source: Data, raw: Raw, progress: Progress
) -> tuple[Samples, Samples | None]:
    """The samples to train on, and those to validate on; None where training ones are both."""
    y_N = raw.training.y
    rng = np.random.default_rng(source.seed)
    held_out, training = np.arange(0), np.arange(len(y_N))
    if raw.validation is not None and source.validation != "auto":
        raise UserError(
            f"data.validation: {source.validation}, but the data has a validation split of its "
            "own; leave it out, or add those samples to the training data"
        )
    if raw.validation is None and source.validation:
        held_out, training = _drawn(source, y_N, rng, progress)
    if source.limit is not None and source.limit < len(training):
        if source.limit < len(raw.classes):
            raise UserError(
                f"data.limit: {source.limit} samples of {len(raw.classes)} classes; each needs one"
            )
        training = training[stratified(y_N[training], source.limit, rng, keep=0)[0]]
    validation = chosen(raw.training, held_out) if len(held_out) else raw.validation
    if validation is None and len(training) > _STAND_INS:
        some, _ = stratified(y_N[training], _STAND_INS, rng)
        validation = chosen(raw.training, training[some])
    return chosen(raw.training, training), validation


def _values(split: Samples, encoding: Encoding | None) -> npt.NDArray[Any]:
    """Samples as numbers that are not normalised yet, bytes as 0..1; never the ones as stored."""
    if encoding is not None:
        return encoding.encode(split.x)
    if split.x.dtype != np.uint8:
        return np.array(split.x, order="C")
    x_NS = np.ascontiguousarray(split.x).astype(np.float32)
    x_NS /= 255
    return x_NS


def _preprocessing(
    training: Samples, x_NS: npt.NDArray[Any], encoding: Encoding | None
) -> Preprocessing:
    """What a model needs to take raw samples."""
    if encoding is not None:
        return Preprocessing(encoding=encoding)
    if training.x.dtype == np.uint8:
        return Preprocessing(whole=True)
    return Preprocessing(low=float(x_NS.min()), high=float(x_NS.max()))


def _drawn(
    source: Data, y_N: Ints, rng: np.random.Generator, progress: Progress
) -> tuple[Ints, Ints]:
    """Indices of the samples that are held out for validation, and of the rest."""
    count = validation_count(source.validation, len(y_N))
    held_out, rest = stratified(y_N, count, rng)
    if not len(held_out):
        raise UserError("data.validation: each class has one sample, which is for training")
    if len(held_out) < count:
        progress(
            Note(
                f"validation: {len(held_out):,} samples in place of {count:,}, "
                "so that each class keeps one for training"
            )
        )
    return held_out, rest


def _tell_lacking(dataset: Dataset, progress: Progress) -> None:
    """Says which classes a split has no samples of."""
    splits = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    for name, split in splits.items():
        lacking = set(range(len(dataset.classes))) - set(split.y.tolist()) if split else set()
        if lacking:
            first = ", ".join(dataset.classes[label] for label in sorted(lacking)[:3])
            progress(
                Note(
                    f"{len(lacking)} of {len(dataset.classes)} classes have no sample in the "
                    f"{name} split, such as {first}"
                )
            )


def _augmented(source: Data, data_set: DataSet, shape: tuple[int, ...]) -> bool:
    if source.augment == "auto":
        return data_set.augmented
    if source.augment and (len(shape) != 3 or min(shape[1:]) <= PADDING):
        raise UserError(
            f"data.augment: needs images larger than {PADDING} x {PADDING}, "
            f"samples of {source.name} have the shape {shape}"
        )
    return source.augment
