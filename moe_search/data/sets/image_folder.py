"""A user's own images: a folder of folders, one per class.

Shape suffixes: N sample, C channel, H height, W width.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.images import SUFFIXES, decode_all
from moe_search.data.sets.base import DataSet, own_path
from moe_search.data.split import drawn_test
from moe_search.errors import UserError
from moe_search.progress import Note, Progress
from moe_search.spec.sections import Data

_HIDDEN = ("__MACOSX", "@eaDir", "__pycache__", "$RECYCLE.BIN", "System Volume Information")
"""Folders that systems leave among a user's own; others begin with a dot."""

_VALIDATION = ("val", "valid", "validation")

Listing = Sequence[tuple[Path, int]]
"""Path and class number of each image."""


@dataclass(frozen=True)
class Listings:
    """Which images are in which split.

    Attributes:
        classes: names by class number.
        training, validation, test: validation is None unless the folder has one.
        left_out: number of files by suffix whose names are no images'.
    """

    classes: tuple[str, ...]
    training: Listing
    validation: Listing | None
    test: Listing
    left_out: Mapping[str, int] = field(default_factory=dict)


class ImageFolder(DataSet):
    """Images in a folder a class."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Images of ``source.image_size`` x ``source.image_size`` and ``source.channels``.

        Only those that are asked for are opened.

        Raises:
            UserError: what ``listings`` raises, or an unreadable image.
        """
        path = own_path(source)
        found = listings(path, source.seed)
        if found.left_out:
            progress(Note(f"{path}: {words_left_out(found.left_out)}"))

        def decoded(split: str, listing: Listing) -> Samples:
            images = [(image, str(image)) for image, _ in listing]
            size, skip = (source.image_size,) * 2, source.unreadable == "skip"
            text = f"reading {split} images"
            x_NHWC, kept = decode_all(images, size, source.channels, skip, text, progress)
            y_N = np.array([label for _, label in listing], np.int64)[kept]
            return Split(x_NHWC.transpose(0, 3, 1, 2), y_N)

        validation = found.validation
        return Raw(
            training=decoded("training", found.training),
            test=decoded("test", found.test) if test else None,
            classes=found.classes,
            validation=None if validation is None else decoded("validation", validation),
        )


IMAGE_FOLDER = ImageFolder()


def listings(path: Path, seed: int) -> Listings:
    """Finds images under PATH/<class>, or under PATH/train/<class> with PATH/val and PATH/test.

    Either of val (or valid, validation) and test may be lacking. Without test a stratified fifth
    of the training images is the test split, drawn by ``seed``.

    Raises:
        UserError: no such folder, fewer than two classes, a class without images, or a class in
            another split that train does not have.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder")
    train, test = path / "train", path / "test"
    own = next((path / name for name in _VALIDATION if (path / name).is_dir()), None)
    validation = held_out = None
    left_out: Counter[str] = Counter()
    if train.is_dir() and (own or test.is_dir()):
        classes, training = _listing(train, left_out)
        validation = None if own is None else _listing_like(own, classes, left_out)
        held_out = _listing_like(test, classes, left_out) if test.is_dir() else None
    else:
        classes, training = _listing(path, left_out)
    if held_out is None:
        y_N = np.array([label for _, label in training], np.int64)
        drawn, rest = drawn_test(y_N, seed)
        training, held_out = [training[i] for i in rest], [training[i] for i in drawn]
    return Listings(classes, training, validation, held_out, left_out)


def words_left_out(left_out: Mapping[str, int]) -> str:
    """How many files are not read, by suffix, in words."""
    ordered = sorted(left_out.items(), key=lambda one: (-one[1], one[0]))
    each = ", ".join(f"{suffix or 'without suffix'} {n:,}" for suffix, n in ordered)
    return f"{sum(left_out.values()):,} files are left out, which are no images by name: {each}"


def _listing(folder: Path, left_out: Counter[str]) -> tuple[tuple[str, ...], Listing]:
    classes = _class_folders(folder)
    if len(classes) < 2:
        found = f"one class folder ({classes[0]})" if classes else "no class folder"
        raise UserError(
            f"{folder}: holds {found}, expected two or more in PATH/train and PATH/test, or in PATH"
        )
    listing = _images(folder, classes, left_out)
    if empty := set(range(len(classes))) - {number for _, number in listing}:
        raise UserError(
            f"{folder / classes[min(empty)]}: holds no images; "
            f"names of images end in {', '.join(SUFFIXES)}"
        )
    return classes, listing


def _listing_like(folder: Path, classes: tuple[str, ...], left_out: Counter[str]) -> Listing:
    """The images of another split than train, with the class numbers of train."""
    unknown = set(_class_folders(folder)) - set(classes)
    if unknown:
        raise UserError(f"{folder / min(unknown)}: a class that {folder.parent / 'train'} lacks")
    listing = _images(folder, classes, left_out)
    if not listing:
        raise UserError(f"{folder}: holds no images in folders named like the classes of train")
    return listing


def _class_folders(folder: Path) -> tuple[str, ...]:
    entries = (entry.name for entry in folder.iterdir() if entry.is_dir())
    return tuple(sorted(name for name in entries if not _is_hidden(name)))


def _images(folder: Path, classes: tuple[str, ...], left_out: Counter[str]) -> Listing:
    """The images below each class's folder, in the order of torchvision's ImageFolder."""
    return [
        (image, number)
        for number, own in enumerate(classes)
        for image in image_files(folder / own, left_out)
    ]


def image_files(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Whatever lies below a folder and is named as an image; other files are counted."""
    for inner, names in sorted(_walk(folder)):
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield Path(inner, name)
            else:
                left_out[Path(name).suffix.lower()] += 1


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Folders below one, with the names of their files; nothing that is hidden."""
    for inner, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        yield inner, [name for name in names if not _is_hidden(name)]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _HIDDEN
