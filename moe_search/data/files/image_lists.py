"""Which image files there are in a folder, of which class, and in which split."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from moe_search.data.columns import likely_label
from moe_search.data.files.damage import DAMAGE
from moe_search.data.files.hidden import visible
from moe_search.data.files.image_files import (
    class_folders,
    image_files,
    to_save_anew,
    words_left_out,
)
from moe_search.data.files.image_names import ImageNames, split_of
from moe_search.data.files.images import SUFFIXES
from moe_search.data.files.split_words import SPLITS
from moe_search.data.files.table_folders import split_files
from moe_search.data.files.tables import Frame, read_table
from moe_search.data.labels import classes_of
from moe_search.data.split import drawn_test
from moe_search.errors import UserError
from moe_search.spec.sections import Data
from moe_search.words import one_line, show

_LISTS = ("*.csv", "*.tsv", "*.jsonl", "*.parquet")

Listing = Sequence[tuple[Path, int]]
"""Path and class number of each image."""


@dataclass(frozen=True)
class Listings:
    """Which images are in which split.

    Attributes:
        classes: names by class number.
        training, validation, test: validation is None unless the folder has one.
        notes: what there is to say of it, a line each.
        keys: of the data section, which were found out.
    """

    classes: tuple[str, ...]
    training: Listing
    validation: Listing | None
    test: Listing
    notes: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)


def listings(path: Path, source: Data) -> Listings:
    """Finds the images of a folder and their classes, in one of two forms.

    Either under PATH/<class>, or under PATH/train/<class> with PATH/val and PATH/test, of which one
    may be lacking; ``SPLITS`` has other words for them. Or anywhere in it, with a table that names
    files and classes: one in PATH, such as labels.csv, or one in each of PATH/train, PATH/val and
    PATH/test, such as metadata.csv. Its column of classes is ``source.label``, its column of splits
    ``source.split``.

    Without a test split a stratified fifth of the training images is it, drawn by ``source.seed``.

    Raises:
        UserError: no such folder, two for one split, fewer than two classes, a class without
            images, a class in another split that train does not have, or a file in the table that
            is not there.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder")
    if source.label or (not _has_class_folders(path) and any(_lists(path))):
        found = _from_lists(path, source)
    else:
        found = _from_folders(path)
    return found if found.test else with_drawn_test(found, source.seed)


def with_drawn_test(found: Listings, seed: int) -> Listings:
    """The same with a stratified fifth of the training images as the test split."""
    y_N = np.array([label for _, label in found.training], np.int64)
    drawn, rest = drawn_test(y_N, seed)
    return replace(
        found,
        training=[found.training[i] for i in rest],
        test=[found.training[i] for i in drawn],
    )


def _split_folders(path: Path) -> dict[str, Path]:
    """The folders of splits; none where there is no other than train.

    They are called as splits; or there is one for each, and their names begin so: train_images.

    Raises:
        UserError: two are the same split.
    """
    names = class_folders(path)
    called = {name: SPLITS[name.lower()] for name in names if name.lower() in SPLITS}
    begun = {split: name for name in names if (split := split_of(name))}
    if len(set(called.values())) < 2 and len(begun) == len(names):
        called = {name: split for split, name in begun.items()}
    if "train" not in called.values() or len(set(called.values())) < 2:
        return {}
    found: dict[str, Path] = {}
    for name, split in called.items():
        if split in found:
            raise UserError(f"{path / name}: for {split}, as is {found[split].name}; keep one")
        found[split] = path / name
    return found


def _has_class_folders(path: Path) -> bool:
    """Whether there are folders with images that are not called as splits, as train_images is."""
    folder = _split_folders(path).get("train", path)
    names = [name for name in class_folders(folder) if split_of(name) is None]
    return len(names) > 1 and any(
        next(image_files(folder / name, Counter()), None) for name in names
    )


def _from_folders(path: Path) -> Listings:
    """The images of a folder a class."""
    folders, left_out = _split_folders(path), Counter[str]()
    classes, training = _listing(folders.get("train", path), left_out)
    validation, test = (
        _listing_like(folders[split], folders["train"], classes, left_out)
        if split in folders
        else None
        for split in ("validation", "test")
    )
    notes = (words_left_out(left_out),) if left_out else ()
    return Listings(classes, training, validation, test or [], notes)


def _lists(path: Path) -> Iterator[tuple[str, Path]]:
    """The tables that may name images, each with the split that its folder or its name says."""
    for split, folder in _split_folders(path).items():
        yield from ((split, file) for file in _tables(folder))
    named = split_files(path)
    for split, files in named.items():
        yield from ((split, file) for file in files)
    if "train" not in named:
        yield from (("train", file) for file in _tables(path))


def _tables(folder: Path) -> list[Path]:
    found = sorted(file for pattern in _LISTS for file in visible(folder, pattern))
    return [file for file in found if "submission" not in file.name.lower()]


def _from_lists(path: Path, source: Data) -> Listings:
    """The images that tables name, with the classes that they say."""
    files = ImageNames(path)
    rows: dict[str, list[tuple[Path, Any]]] = {}
    named: dict[Path, Path] = {}  # by which table
    label, unlabelled, unfit = source.label, 0, ""
    for split_of_file, file in _lists(path):
        frame, words = _read_list(file, label)
        column = files.column(words, file, split_of_file)
        if label is None and column is not None and (label := _label_beside(frame, column)):
            frame, words = _read_list(file, label)  # words such as none are labels in that column
        if column is None or label not in frame.columns:
            unfit = unfit or _why_unfit(words, files, file, split_of_file, column)
            continue
        has_class = frame[label].notna()
        unlabelled += int((~has_class).sum())
        frame, names = frame[has_class], words[column][has_class]
        splits = _splits(frame, source.split, split_of_file, file)
        for split, name, value in zip(splits, names, frame[label], strict=True):
            image = files.find(str(name), file, split_of_file)
            if image is None:
                raise UserError(f"{file}: column {column}: no image {show(str(name))} in {path}")
            if named.setdefault(image, file) != file:
                raise UserError(f"{image}: named by {named[image].name} and {file.name}; keep one")
            rows.setdefault(split, []).append((image, value))
    if "train" not in rows:
        raise UserError(
            f"{path}: no table names images and their classes; expected one with a column of file "
            f"names, and one of classes that data.label names{unfit}"
        )
    found = _classified(rows, f"{path}: column {label}", str(label))
    told = (f"{unlabelled:,} images without a class are left out",) if unlabelled else ()
    return replace(found, notes=(*found.notes, *told))


def _classified(rows: Mapping[str, list[tuple[Path, Any]]], where: str, label: str) -> Listings:
    def values(split: str) -> Any:
        return np.array([value for _, value in rows[split]], object)

    classes = classes_of(values("train"), where)

    def listing(split: str) -> Listing | None:
        if split not in rows:
            return None
        numbers = classes.numbers(values(split), where).tolist()
        return [(image, number) for (image, _), number in zip(rows[split], numbers, strict=True)]

    training = listing("train") or []
    notes = (classes.mapping(),) if classes.mapping() else ()
    return Listings(
        classes.names,
        training,
        listing("validation"),
        listing("test") or [],
        notes,
        {"label": label},
    )


def _read_list(file: Path, label: str | None) -> tuple[Frame, Frame]:
    """A table, and the same with text as it is written, such as 0001, in whichever column."""
    if file.suffix != ".jsonl":
        frame = read_table(file, label)
        return frame, read_table(file, label, list(frame.columns), list(frame.columns))
    import pandas as pd

    try:
        frame = pd.read_json(file, lines=True, dtype=False)  # its text is text
    except DAMAGE as error:
        raise UserError(one_line(f"{file}: not readable lines of JSON ({error})")) from error
    if not len(frame):
        raise UserError(f"{file}: holds no rows")
    frame = frame.rename(columns=str)
    return frame, frame


def _why_unfit(words: Frame, files: ImageNames, file: Path, split: str, column: str | None) -> str:
    """Why a table does not say the classes of images, to end a message with."""
    if column is not None:
        return f"; {file}: column {column} names images, but none has their classes"
    unknown = {name: files.unknown(words[name], file, split) for name in words.columns}
    nearest = min(unknown, key=lambda name: len(unknown[name]))
    return f"; {file}: column {nearest}: no image {show(unknown[nearest][0])}"


def _splits(frame: Frame, column: str | None, usual: str, file: Path) -> list[str]:
    """The split of each row; the usual one where no column says it."""
    if column is None or column not in frame.columns:
        return [usual] * len(frame)
    words = [str(word).strip().lower() for word in frame[column]]
    wrong = sorted(set(words) - SPLITS.keys())
    if wrong:
        raise UserError(f"{file}: column {column}: {show(wrong[0])} is no split")
    return [SPLITS[word] for word in words]


def _label_beside(frame: Frame, column: str) -> str | None:
    """The column of classes beside that of files: the only other one, or the likely one."""
    others = [name for name in frame.columns if name != column]
    return others[0] if len(others) == 1 else likely_label(frame[others])


def _listing(folder: Path, left_out: Counter[str]) -> tuple[tuple[str, ...], Listing]:
    classes = class_folders(folder)
    if len(classes) < 2:
        found = f"one class folder ({classes[0]})" if classes else "no class folder"
        raise UserError(
            f"{folder}: holds {found}, expected two or more in PATH/train and PATH/test, or in PATH"
        )
    listing = _images(folder, classes, left_out)
    if empty := set(range(len(classes))) - {number for _, number in listing}:
        raise UserError(
            f"{folder / classes[min(empty)]}: holds no images; "
            f"names of images end in {', '.join(SUFFIXES)}{to_save_anew(left_out)}"
        )
    return classes, listing


def _listing_like(
    folder: Path, training: Path, classes: tuple[str, ...], left_out: Counter[str]
) -> Listing:
    """The images of another split than train, with the class numbers of train."""
    unknown = set(class_folders(folder)) - set(classes)
    if unknown:
        raise UserError(f"{folder / min(unknown)}: a class that {training} lacks")
    listing = _images(folder, classes, left_out)
    if not listing:
        raise UserError(f"{folder}: holds no images in folders named like the classes of train")
    return listing


def _images(folder: Path, classes: tuple[str, ...], left_out: Counter[str]) -> Listing:
    """The images below each class's folder, in the order of torchvision's ImageFolder."""
    return [
        (image, number)
        for number, own in enumerate(classes)
        for image in image_files(folder / own, left_out)
    ]
