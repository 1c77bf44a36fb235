"""From a source to a data set that is split and normalised.

Shape suffixes: N sample, S a sample's own axes: C, H, W for images or F for vectors.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moe_search.data.dataset import PADDING, Dataset, Ints, Moments, Raw, Samples, Split
from moe_search.data.encoding import Encoding
from moe_search.data.extractor import Extraction
from moe_search.data.mapped import (
    Mapped,
    NoRoomError,
    as_mapped,
    chosen,
    is_large,
    new_array,
    remove_files,
)
from moe_search.data.normalise import Statistics, as_numbers, normalise, parts, statistics
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
    asks for it.

    All arrays then lie in files, as float32, which all who train on them map. Of data that is too
    large for memory, what lies in a file already is left there as stored, and normalised as it is
    read.

    Raises:
        UserError: data missing, damaged or not fit for what ``source`` asks, or no room for it.
    """
    if source.network is None:
        return _loaded(source, None, test, progress)
    with Extraction(source, source.network, progress) as extraction:
        return _loaded(extraction.source, extraction, test, progress)


def _loaded(source: Data, extraction: Extraction | None, test: bool, progress: Progress) -> Dataset:
    data_set: DataSet = DATA_SETS[source.name].load()
    raw = read(source, test, progress)
    _refuse_empty(source, raw)
    training, validation = _training_and_validation(source, raw, progress)
    encoding = None if raw.kinds is None else Encoding.fit(training.x, raw.kinds)
    for name, split in (("validation", validation), ("test", raw.test)):
        if encoding and split and (told := encoding.unknown(split.x)):
            progress(Note(f"{name} split: {told}"))
    through = extraction or encoding
    stored = _stored(training, through)
    found = (None if extraction else _known(data_set)) or statistics(stored.x)
    moments = found.moments
    shape = tuple(stored.x.shape[1:])
    held_out = [split for split in (validation, raw.test) if split is not None]
    large = is_large((sum(len(split.y) for split in (training, *held_out)), *shape))

    def ready(split: Samples) -> Samples:
        return Split(_ready(split.x, moments, large, source), split.y)

    train = ready(stored)
    dataset = Dataset(
        name=source.name,
        train=train,
        validation=train if validation is None else ready(_stored(validation, through)),
        test=None if raw.test is None else ready(_stored(raw.test, through)),
        classes=raw.classes,
        mean=moments[0],
        std=moments[1],
        augment=_augmented(source, data_set, shape),
        preprocessing=_preprocessing(source, training, found, encoding, extraction),
    )
    _tell_lacking(dataset, progress)
    return dataset


class Reader:
    """Reads data as ``load`` does, but what is kept not again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bool], Dataset] = {}

    def __call__(self, source: Data, test: bool, progress: Progress) -> Dataset:
        """The data, which is kept; what was kept before goes where it leaves no room.

        Raises:
            UserError: what ``load`` raises.
        """
        key = _what(source), test
        while key not in self._kept:
            try:
                self._kept[key] = load(source, test, progress)
            except NoRoomError:
                if not self._kept:
                    raise
                self.close()
        return self._kept[key]

    def keep(self, sources: Iterable[Data] = ()) -> None:
        """Keep these alone of what was read, and remove the files of the others."""
        wanted = set(map(_what, sources))
        for key in [key for key in self._kept if key[0] not in wanted]:
            remove_files(self._kept.pop(key))

    def close(self) -> None:
        """Remove the files of all that was read."""
        self.keep()


def _what(source: Data) -> str:
    """What is read, by whatever way its path leads there, and wherever it is kept."""
    path = source.path and source.path.resolve()
    return source.model_copy(update={"path": path}).model_dump_json(exclude={"cache"})


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
        if source.path is None or not source.path.exists() or data_set.claims(source.path):
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

    return next(filter(claims, own_readers()), None)


def _refuse_empty(source: Data, raw: Raw) -> None:
    """Refuse a split of which nothing is left, as where no image of it can be read."""
    splits = {"training": raw.training, "validation": raw.validation, "test": raw.test}
    for name, split in splits.items():
        if split is not None and not len(split.y):
            where = f"{source.path}: " if source.path else ""
            raise UserError(f"{where}the {name} split has no sample that can be read")


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


def _known(data_set: DataSet) -> Statistics | None:
    """The statistics by which the literature goes, all of pixels."""
    return data_set.moments and Statistics(data_set.moments, 0.0, 1.0)


def _stored(split: Samples, through: Encoding | Extraction | None) -> Samples:
    """Samples of numbers: those of arrays, or features of a table's rows or of images."""
    if isinstance(through, Extraction):
        return through.of(split)
    return Split(as_mapped(split.x) if through is None else through.encode(split.x), split.y)


def _ready(x_NS: Any, moments: Moments, large: bool, source: Data) -> Any:
    """Normalised samples in a file; or such as are normalised when they are read from theirs."""
    if large and isinstance(x_NS, Mapped):
        return x_NS.normalised(moments)
    found_NS = new_array(x_NS.shape, np.float32, source)

    def fill(part: slice) -> None:
        found_NS[part] = normalise(as_numbers(x_NS[part]), *moments)

    with ThreadPoolExecutor() as pool:  # NumPy lets other threads run
        list(pool.map(fill, parts(x_NS.shape)))
    return Mapped(found_NS) if large else found_NS


def _preprocessing(
    source: Data,
    training: Samples,
    found: Statistics,
    encoding: Encoding | None,
    extraction: Extraction | None,
) -> Preprocessing:
    """What a model needs to take raw samples."""
    if encoding is not None:
        return Preprocessing(encoding=encoding)
    whole, shape = training.x.dtype == np.uint8, training.x.shape[1:]
    last = source.layout == "channels_last" and len(shape) == 3 and len(set(shape)) == 1
    if extraction is not None:
        extractor = extraction.extractor(shape)
        return Preprocessing(whole=whole, extractor=extractor, channels_last=last)
    return Preprocessing(low=found.low, high=found.high, whole=whole, channels_last=last)


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
        return data_set.augmented and source.network is None
    if source.augment and (len(shape) != 3 or min(shape[1:]) <= PADDING):
        raise UserError(
            f"data.augment: needs images larger than {PADDING} x {PADDING}, "
            f"samples of {source.name} have the shape {shape}"
        )
    return source.augment
