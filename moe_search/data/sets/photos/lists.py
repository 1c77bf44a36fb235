"""Published data sets of photos that lists of text name, with their classes."""

import re
from dataclasses import dataclass
from pathlib import Path

from moe_search.data.catalogue import Files
from moe_search.data.files.damage import damaged
from moe_search.data.files.image_lists import Listings
from moe_search.data.sets.photos.photo_set import Labelled, PhotoSet, numbered
from moe_search.errors import UserError
from moe_search.words import show


@dataclass(frozen=True, kw_only=True)
class ListSet(PhotoSet):
    """Photos and their classes, a line each.

    Attributes:
        training: the lists of the training split, below the folder of the files.
        test: that of the test split.
        line: the form of a line: its ``image`` and the ``name`` of the class, perhaps also its
            ``number``, by which classes are then ordered, else by name.
        photo: where the photo of an ``{image}`` lies.
        classes: the file that names the classes in their order, where there is one.
    """

    training: tuple[str, ...]
    test: str
    line: str
    photo: str
    classes: str = ""

    def listed(self, folder: Path) -> Listings:
        """Training photos and those of the test split, in the order of the lists."""
        files = [folder / name for name in self.training]
        training = [match for file in files for match in self._lines(file)]
        names = _lines(folder / self.classes) if self.classes else _ordered(training)
        test = self._lines(folder / self.test)
        return Listings(
            classes=tuple(names),
            training=numbered(self._photos(folder, training), names, files[0]),
            validation=None,
            test=numbered(self._photos(folder, test), names, folder / self.test),
        )

    def _lines(self, file: Path) -> list[re.Match[str]]:
        found = []
        for number, line in enumerate(_lines(file), 1):
            match = re.fullmatch(self.line, line)
            if match is None:
                what = f"line {number} names no photo and its class: {show(line)}"
                raise UserError(f"{file}: {what}; put the original in place")
            found.append(match)
        return found

    def _photos(self, folder: Path, lines: list[re.Match[str]]) -> Labelled:
        return [(folder / self.photo.format(image=one["image"]), one["name"]) for one in lines]


DTD = ListSet(
    files=Files("DTD", "dtd/dtd", ("images", "labels"), ("dtd",)),
    count=47,
    training=("labels/train1.txt", "labels/val1.txt"),
    test="labels/test1.txt",
    line=r"(?P<image>(?P<name>[^/]+)/[^/]+)",
    photo="images/{image}",
)

OXFORD_IIIT_PET = ListSet(
    files=Files("OxfordIIITPet", "oxford-iiit-pet", ("images", "annotations")),
    count=37,
    training=("annotations/trainval.txt",),
    test="annotations/test.txt",
    line=r"(?P<image>(?P<name>\S+)_\d+) (?P<number>\d+) \d+ \d+",
    photo="images/{image}.jpg",
)

FGVC_AIRCRAFT = ListSet(
    files=Files("FGVCAircraft", "fgvc-aircraft-2013b", ("data",)),
    count=100,
    training=("data/images_variant_trainval.txt",),
    test="data/images_variant_test.txt",
    line=r"(?P<image>\S+) (?P<name>.+)",
    photo="data/images/{image}.jpg",
    classes="data/variants.txt",
)


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeError) as error:
        raise damaged(file, error) from error


def _ordered(lines: list[re.Match[str]]) -> list[str]:
    """The names of the classes, by number where lines say it."""
    found = {(int(line.groupdict().get("number", 0)), line["name"]) for line in lines}
    return [name for _, name in sorted(found)]
