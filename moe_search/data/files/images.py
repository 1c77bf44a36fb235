"""Image files as pixels, for training and prediction alike.

Shape suffixes: N image, B image of some, H height, W width, C channel.
"""

import io
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Ints
from moe_search.data.files.processes import mapped
from moe_search.data.mapped import is_large, new_array
from moe_search.errors import UserError
from moe_search.machine import cores
from moe_search.progress import Note, Progress, Working, counted
from moe_search.spec.sections import Data
from moe_search.words import one_line

if TYPE_CHECKING:  # of the many who read no images, none waits for it
    from PIL.Image import Image

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may open. It goes by the content, and has decoders that start other programs."""

SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"),
    *(".gif", ".jfif", ".jpe", ".pbm", ".pnm", ".avif"),
)
"""How names of images end, in small letters."""

Size = tuple[int, int]
"""Height and width in pixels."""

Named = tuple[Path | bytes, str]
"""Where an image lies, or its content; and how it is called where it fails."""

Decoded = tuple[npt.NDArray[np.uint8], Ints]
"""Pixels of some images [N, H, W, C], and the numbers of those that could be read."""

Attempt = tuple[npt.NDArray[np.uint8], list[UserError | None]]
"""Pixels of some images [B, H, W, C], and for each why it has none."""

_ALONE = 0.3  # seconds: nearly as long as processes take to start
_PARTS = 6  # of that time, in each of which a process does its share of the rest

_SIXTEEN_BITS = 65_535

_TYPICAL = 100  # images looked at: enough to tell grey from colour, and their usual size
_SIDES = (8, 64)  # to which images are resized at first; a larger side costs time


@dataclass(frozen=True)
class Form:
    """The form in which images are to be read.

    Attributes:
        side: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        sizes: width and height of the smallest and the largest image, in words.
    """

    side: int
    channels: Literal[1, 3]
    sizes: str

    @property
    def comments(self) -> dict[str, str]:
        """What there is to say of the keys of the data section."""
        return {
            "image_size": f"squares; yours are {self.sizes}",
            "channels": "1 is grey, 3 is colour",
        }


@contextmanager
def open_image(file: Path | bytes, name: str) -> Iterator["Image"]:
    """An image, of which only the head is read yet.

    Args:
        file: where it lies, or its content.
        name: how it is called where it fails.

    Raises:
        UserError: it cannot be opened, or not be decoded within the context.
    """
    from PIL import Image

    try:
        # not by its path: Pillow would map an uncompressed TIFF, and turn it twice
        content = io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")
        with content, Image.open(content, formats=FORMATS) as image:
            yield image
    except Exception as error:  # each of Pillow's decoders raises errors of its own kinds
        raise UserError(one_line(f"{name}: not a readable image ({_reason(error)})")) from error


def decode(file: Path | bytes, size: Size, channels: int, name: str) -> npt.NDArray[np.uint8]:
    """One image as pixels [H, W, C] in 0..255, grey where C is 1 and RGB where it is 3.

    It stands as a viewer shows it (EXIF orientation), lies on white where it is transparent, and
    is scaled by the range of its type: 16 bits by 65,535, floats as they are in 0..1. Of an
    animation it is the first frame.

    Raises:
        UserError: it cannot be decoded, or the range of its values is unknown.
    """
    from PIL import ImageOps
    from PIL.Image import Resampling

    height, width = size
    with open_image(file, name) as image:
        ImageOps.exif_transpose(image, in_place=True)
        pixels = _opaque(_eight_bits(image)).convert("L" if channels == 1 else "RGB")
        pixels = pixels.resize((width, height), Resampling.BILINEAR)
        return np.asarray(pixels).reshape(height, width, channels)


def decode_all(
    splits: Mapping[str, Sequence[Named]], source: Data, progress: Progress
) -> dict[str, Decoded]:
    """The images of each split as pixels.

    Pixels that are too large for memory lie in a file beside the study.

    Args:
        splits: where each image lies, or its content; and its name.
        source: says their size, channels, and whether to leave out what cannot be read and say how
            many; otherwise all of them are named.
        progress: is told how far it is.

    Raises:
        UserError: some cannot be read, of whichever split, or there is no room for them.
    """
    errors: list[UserError] = []
    found = {
        split: _decode_split(images, source, f"reading {split} images", progress, errors)
        for split, images in splits.items()
    }
    if errors:
        raise _unreadable(errors)
    return found


def _decode_split(
    images: Sequence[Named],
    source: Data,
    text: str,
    progress: Progress,
    unreadable: list[UserError],
) -> Decoded:
    """The images of one split; where they are not to be skipped, ``unreadable`` gets the errors."""
    size, channels = (source.image_size,) * 2, source.channels
    shape = (len(images), *size, channels)
    large = is_large(shape)
    x_NHWC = new_array(shape, np.uint8, source) if large else np.empty(shape, np.uint8)
    kept: list[int] = []
    errors: list[UserError] = []
    done, total = 0, len(images) if len(images) > 1 else None  # a count of one says nothing
    with closing(_decoded(partial(_attempt, size=size, channels=channels), images)) as found:
        for x_BHWC, error_B in found:
            progress(Working(text, done, total))
            x_NHWC[done : done + len(x_BHWC)] = x_BHWC
            kept += [done + place for place, error in enumerate(error_B) if error is None]
            errors += [error for error in error_B if error is not None]
            done += len(x_BHWC)
    if errors and source.unreadable == "stop":
        unreadable += errors
    elif errors:
        progress(Note(f"{len(errors)} of {len(images)} images are skipped; the first: {errors[0]}"))
        for place, number in enumerate(kept):
            x_NHWC[place] = x_NHWC[number]
    return x_NHWC[: len(kept)], np.array(kept, np.int64)


def _attempt(images: Sequence[Named], size: Size, channels: int) -> Attempt:
    """Pixels of some images; of those that cannot be decoded, why."""
    x_BHWC = np.zeros((len(images), *size, channels), np.uint8)
    error_B: list[UserError | None] = [None] * len(images)
    for place, (file, name) in enumerate(images):
        try:
            x_BHWC[place] = decode(file, size, channels, name)
        except UserError as error:
            error_B[place] = error
    return x_BHWC, error_B


def _decoded(
    attempt: Callable[[Sequence[Named]], Attempt], images: Sequence[Named]
) -> Generator[Attempt, None, None]:
    """What becomes of images, some at a time, in order.

    What is not done soon goes on in processes: of a small image most of the work is Python's, of
    which threads do one at a time.
    """
    began = time.monotonic()
    done = 0
    while done < len(images) and time.monotonic() - began < _ALONE:
        yield attempt(images[done : done + 1])
        done += 1
    if done == len(images):
        return
    size = done // _PARTS + 1
    rest = [images[first : first + size] for first in range(done, len(images), size)]
    yield from mapped(attempt, rest, cores())


def typical_form(images: Sequence[Named], progress: Progress) -> Form:
    """The form that fits images, by a look at some of them; those that cannot be read are told of.

    Raises:
        UserError: none of them can be read.
    """
    step = -(-len(images) // _TYPICAL)
    sizes, grey = [], True
    errors: list[UserError] = []
    for file, name in counted(images[::step], "looking at images", progress):
        try:
            with open_image(file, name) as opened:
                size = opened.size
            x_HWC = decode(file, (_SIDES[0],) * 2, 3, name)
        except UserError as error:
            errors.append(error)
            continue
        sizes.append(size)
        grey = grey and bool((x_HWC == x_HWC[..., :1]).all())
    if not sizes:
        raise errors[0]
    if errors:
        progress(
            Note(
                f"{errors[0]}; validate names all such images, data.unreadable: skip leaves "
                "them out"
            )
        )
    side = min(max(int(median(map(min, sizes))) // 4 * 4, _SIDES[0]), _SIDES[1])
    ends = (choose(sizes, key=prod) for choose in (min, max))
    return Form(side, 1 if grey else 3, " to ".join(f"{w} x {h}" for w, h in dict.fromkeys(ends)))


def _unreadable(errors: Sequence[UserError]) -> UserError:
    """What is raised; of several it has a line each."""
    way_out = "mend or remove it, or give data.unreadable: skip"
    if len(errors) == 1:
        return UserError(f"{errors[0]}; {way_out}")
    first, way_out = errors[0], way_out.replace("it", "them", 1)
    summary = f"{len(errors)} images cannot be read, the first: {first}; {way_out}"
    return UserError(summary, map(str, errors))


def _eight_bits(image: "Image") -> "Image":
    """An image of bytes; one of 16 bits or floats scaled by the range of its type."""
    from PIL import Image

    if image.mode == "F":
        x_HW = np.asarray(image)
        low, high = float(x_HW.min()), float(x_HW.max())
        if not 0 <= low <= high <= 1:
            raise ValueError(f"floats of {low:.4g} to {high:.4g}; expected 0 to 1")
        return Image.fromarray(np.round(x_HW * 255).astype(np.uint8))
    if image.mode.startswith("I"):
        # Pillow opens 16-bit PGM as whole numbers of 32 bits, scaled to 65,535
        if image.mode == "I" and image.format not in ("PPM", "PNG"):
            raise ValueError("whole numbers of 32 bits; expected 8 or 16 bits")
        return Image.fromarray(np.round(np.asarray(image) / (_SIXTEEN_BITS / 255)).astype(np.uint8))
    return image


def _opaque(image: "Image") -> "Image":
    """An image without transparency: what shows through is white."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA"))


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return f"no image; expected {', '.join(FORMATS)}"
    known = getattr(error, "strerror", None)
    return known or " ".join(str(error).split()) or type(error).__name__
