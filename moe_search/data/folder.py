"""A user's own images: a folder of folders, one per class.

Shape suffixes: N sample, C channel, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Raw, Samples
from moe_search.data.split import TEST_SHARE, stratified
from moe_search.errors import UserError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may open. It goes by the content, and has decoders that start other programs."""

Listing = Sequence[tuple[str, int]]
"""Path and class number of each image."""


def read_image_folder(path: Path, size: int, seed: int, test: bool) -> Raw:
    """Images under PATH/train/<class> and PATH/test/<class>, or all under PATH/<class>.

    Without a train and test pair a stratified fifth is the test split, drawn by ``seed``. Images
    become RGB of ``size`` x ``size``; only those that are asked for are opened.

    Raises:
        UserError: no such folder, fewer than two classes, a class without images, a class in
            test that train does not have, or an unreadable image.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder")
    if (path / "train").is_dir() and (path / "test").is_dir():
        classes, training = _listing(path / "train")
        held_out = _test_listing(path / "test", classes)
    else:
        classes, listing = _listing(path)
        y_N = np.array([label for _, label in listing], np.int64)
        rng = np.random.default_rng(seed)
        drawn, rest = stratified(y_N, round(TEST_SHARE * len(y_N)), rng)
        training, held_out = [listing[i] for i in rest], [listing[i] for i in drawn]
    return Raw(
        training=_decoded(training, size),
        test=_decoded(held_out, size) if test else None,
        classes=classes,
    )


def decode(path: Path, size: int) -> npt.NDArray[np.uint8]:
    """One image as RGB pixels [size, size, 3].

    Raises:
        UserError: it cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))
    except Exception as error:  # each of Pillow's decoders raises errors of its own kinds
        raise UserError(
            f"{path}: not a readable image ({' '.join(str(error).split())}); mend or remove it"
        ) from error


def _listing(folder: Path) -> tuple[tuple[str, ...], Listing]:
    from torchvision.datasets import ImageFolder

    try:
        images = ImageFolder(folder)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: {' '.join(str(error).split())}") from error
    if len(images.classes) < 2:
        raise UserError(
            f"{folder}: holds one class folder ({images.classes[0]}), expected two or more "
            "in PATH/train and PATH/test, or in PATH"
        )
    return tuple(images.classes), images.samples


def _test_listing(folder: Path, classes: tuple[str, ...]) -> Listing:
    from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

    unknown = {entry.name for entry in folder.iterdir() if entry.is_dir()} - set(classes)
    if unknown:
        raise UserError(f"{folder / min(unknown)}: a class that {folder.parent / 'train'} lacks")
    numbers = {name: number for number, name in enumerate(classes)}
    listing: Listing = make_dataset(str(folder), numbers, IMG_EXTENSIONS, allow_empty=True)
    if not listing:
        raise UserError(f"{folder}: holds no images in folders named like the classes of train")
    return listing


def _decoded(listing: Listing, size: int) -> Samples:
    x_NHWC = np.empty((len(listing), size, size, 3), np.uint8)
    for i, (path, _) in enumerate(listing):
        x_NHWC[i] = decode(Path(path), size)
    return Samples(x_NHWC.transpose(0, 3, 1, 2), np.array([y for _, y in listing], np.int64))
