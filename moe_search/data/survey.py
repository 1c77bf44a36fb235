"""Looks at a data set, as far as a first study of it needs to know.

Shape suffixes: N image, H height, W width, C channel.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from moe_search.data.images import decode, open_image
from moe_search.data.load import KNOWN, read
from moe_search.data.sets.image_folder import listings
from moe_search.errors import UserError
from moe_search.progress import Progress, counted, silent
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.spec.sections import Data
from moe_search.words import did_you_mean

_LOOKED_AT = 100  # images of a folder: enough to tell grey from colour, and their usual size
_SIDES = (8, 64)  # to which images are resized at first; a larger side costs time


@dataclass(frozen=True)
class Survey:
    """What a data set holds.

    Attributes:
        source: what to load; of a folder with the image size and channels that fit.
        shape: of one sample as loaded, (C, H, W) or (F,).
        counts: training samples by class.
        own_validation: whether the data brings a validation split.
        sizes: width and height of the smallest and the largest image of a folder, in words.
    """

    source: Data
    shape: tuple[int, ...]
    counts: dict[str, int]
    own_validation: bool
    sizes: str = ""


def survey(data: str, progress: Progress = silent) -> Survey:
    """Looks at a known data set by its name, or at one's own by its path.

    Raises:
        UserError: there is no such data, or it is damaged.
    """
    path = Path(data)
    if data in DATA_SETS and DATA_SETS[data].path is None:
        return _loaded(Data(name=data), progress)
    if path.is_dir():
        return _folder(path, progress)
    if path.exists():
        return _loaded(Data(name="arrays", path=path), progress)
    raise UserError(
        f"--data {data}: no such file or folder{did_you_mean(data, KNOWN)} "
        f"known data sets are: {', '.join(KNOWN)}"
    )


def _loaded(source: Data, progress: Progress) -> Survey:
    raw = read(source, True, progress)
    counts = Counter(raw.classes[label] for label in raw.training.y)
    own = raw.validation is not None
    return Survey(source, raw.training.x.shape[1:], dict(counts), own)


def _folder(path: Path, progress: Progress) -> Survey:
    found = listings(path, seed=0)
    counts = Counter(found.classes[label] for _, label in found.training)
    step = -(-len(found.training) // _LOOKED_AT)
    images = [image for image, _ in found.training[::step]]
    sides, grey = [], True
    for image in counted(images, "looking at images", progress):
        with open_image(image, str(image)) as opened:
            sides.append(opened.size)
        grey = grey and _is_grey(image)
    side = min(max(int(median(map(min, sides))) // 4 * 4, _SIDES[0]), _SIDES[1])
    channels: Literal[1, 3] = 1 if grey else 3
    source = Data(name="image_folder", path=path, image_size=side, channels=channels)
    smallest, largest = min(sides, key=_area), max(sides, key=_area)
    sizes = " to ".join(f"{w} x {h}" for w, h in dict.fromkeys((smallest, largest)))
    own = found.validation is not None
    return Survey(source, (channels, side, side), dict(counts), own, sizes)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _is_grey(image: Path) -> bool:
    x_HWC = decode(image, (_SIDES[0],) * 2, 3, str(image))
    return bool((x_HWC == x_HWC[..., :1]).all())
