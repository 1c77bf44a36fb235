"""A user's own images: a folder of folders, one per class.

Shape suffixes: N sample, C channel, H height, W width.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.sets.base import DataSet, own_path
from moe_search.data.split import drawn_test
from moe_search.errors import UserError
from moe_search.progress import Progress, counted
from moe_search.spec.sections import Data

if TYPE_CHECKING:  # of the many who read no image folder, none waits for it
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may open. It goes by the content, and has decoders that start other programs."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_VALIDATION = ("val", "valid", "validation")

Listing = Sequence[tuple[Path, int]]
"""Path and class number of each image."""


@dataclass(frozen=True)
class Listings:
    """Which images are in which split; ``validation`` is None unless the folder has one."""

    classes: tuple[str, ...]
    training: Listing
    validation: Listing | None
    test: Listing


class ImageFolder(DataSet):
    """Images in a folder a class."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Images of ``source.image_size`` x ``source.image_size`` and ``source.channels``.

        Only those that are asked for are opened.

        Raises:
            UserError: what ``listings`` raises, or an unreadable image.
        """
        found = listings(own_path(source), source.seed)
        size, channels = source.image_size, source.channels

        def decoded(split: str, listing: Listing) -> Samples:
            x_NHWC = np.empty((len(listing), size, size, channels), np.uint8)
            for i, (image, _) in enumerate(counted(listing, f"reading {split} images", progress)):
                x_NHWC[i] = decode(image, size, channels)
            return Split(x_NHWC.transpose(0, 3, 1, 2), np.array([y for _, y in listing], np.int64))

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
    if train.is_dir() and (own or test.is_dir()):
        classes, training = _listing(train)
        validation = None if own is None else _listing_like(own, classes)
        held_out = _listing_like(test, classes) if test.is_dir() else None
    else:
        classes, training = _listing(path)
    if held_out is None:
        y_N = np.array([label for _, label in training], np.int64)
        drawn, rest = drawn_test(y_N, seed)
        training, held_out = [training[i] for i in rest], [training[i] for i in drawn]
    return Listings(classes, training, validation, held_out)


@contextmanager
def open_image(path: Path) -> Iterator["Image"]:
    """An image file, of which only the head is read yet.

    Raises:
        UserError: it cannot be opened, or not be decoded within the context.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except Exception as error:  # each of Pillow's decoders raises errors of its own kinds
        raise UserError(
            f"{path}: not a readable image ({' '.join(str(error).split())}); mend or remove it"
        ) from error


def decode(path: Path, size: int, channels: Literal[1, 3]) -> npt.NDArray[np.uint8]:
    """One image as pixels [size, size, channels], grey or RGB.

    Raises:
        UserError: it cannot be decoded.
    """
    from PIL.Image import Resampling

    with open_image(path) as image:
        pixels = image.convert("L" if channels == 1 else "RGB")
        pixels = pixels.resize((size, size), Resampling.BILINEAR)
        return np.asarray(pixels).reshape(size, size, channels)


def _listing(folder: Path) -> tuple[tuple[str, ...], Listing]:
    classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    if len(classes) < 2:
        found = f"one class folder ({classes[0]})" if classes else "no class folder"
        raise UserError(
            f"{folder}: holds {found}, expected two or more in PATH/train and PATH/test, or in PATH"
        )
    listing = _images(folder, classes)
    if empty := set(range(len(classes))) - {number for _, number in listing}:
        raise UserError(
            f"{folder / classes[min(empty)]}: holds no images; "
            f"names of images end in {', '.join(_SUFFIXES)}"
        )
    return classes, listing


def _listing_like(folder: Path, classes: tuple[str, ...]) -> Listing:
    """The images of another split than train, with the class numbers of train."""
    unknown = {entry.name for entry in folder.iterdir() if entry.is_dir()} - set(classes)
    if unknown:
        raise UserError(f"{folder / min(unknown)}: a class that {folder.parent / 'train'} lacks")
    listing = _images(folder, classes)
    if not listing:
        raise UserError(f"{folder}: holds no images in folders named like the classes of train")
    return listing


def _images(folder: Path, classes: tuple[str, ...]) -> Listing:
    """The images below each class's folder, in the order of torchvision's ImageFolder."""
    return [
        (Path(inner, name), number)
        for number, own in enumerate(classes)
        for inner, _, names in sorted(os.walk(folder / own, followlinks=True))
        for name in sorted(names)
        if name.lower().endswith(_SUFFIXES)
    ]
