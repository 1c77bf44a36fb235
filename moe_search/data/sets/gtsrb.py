"""GTSRB, German traffic signs: image files of many sizes, in a folder a class or with a table.

Shape suffixes: N sample, C channel.
"""

from collections import Counter
from pathlib import Path

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw
from moe_search.data.files.image_lists import image_files
from moe_search.data.files.tables import read_table
from moe_search.data.sets.base import PublishedSet
from moe_search.data.sets.image_folder import read_listings
from moe_search.errors import UserError
from moe_search.progress import Progress, silent
from moe_search.spec.sections import Data

CLASSES = (
    *(f"speed limit {limit}" for limit in (20, 30, 50, 60, 70, 80)),
    *("end of speed limit 80", "speed limit 100", "speed limit 120"),
    *("no passing", "no passing of trucks", "right of way at the crossing", "priority road"),
    *("yield", "stop", "no vehicles", "no trucks", "no entry", "caution"),
    *("curve to the left", "curve to the right", "double curve", "bumpy road", "slippery road"),
    *("road narrows on the right", "road work", "traffic signals", "pedestrians"),
    *("children crossing", "bicycles crossing", "ice or snow", "wild animals"),
    *("end of all limits", "turn right", "turn left", "straight ahead"),
    *("straight or right", "straight or left", "keep right", "keep left", "roundabout"),
    *("end of no passing", "end of no passing of trucks"),
)


class Gtsrb(PublishedSet):
    """The signs of GTSRB."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Images of ``source.image_size`` x ``source.image_size`` and ``source.channels``."""
        folder = self.folder(source.root, progress)
        splits = {"training": _training(folder)} | ({"test": _test(folder)} if test else {})
        samples = read_listings(splits, source, progress)
        return Raw(samples["training"], samples.get("test"), CLASSES)

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Colour images [N, 3, 32, 32] of bytes.

        Raises:
            UserError: a file is missing or damaged.
        """
        return self.read(Data(name="gtsrb", root=folder.parent), test, silent)


GTSRB = Gtsrb(
    files=Files(
        "GTSRB",
        "gtsrb",
        ("GTSRB/Training", "GTSRB/Final_Test/Images", "GT-final_test.csv"),
        ("GTSRB/gtsrb",),
        parts=({"split": "train"}, {"split": "test"}),
    )
)


def _training(folder: Path) -> list[tuple[Path, int]]:
    """Images in folders that are numbered as their classes: 00000, 00001..."""
    images = folder / "GTSRB" / "Training"
    found = [(file, file.parent.name) for file in image_files(images, Counter())]
    wrong = [file for file, name in found if not name.isdecimal() or int(name) >= len(CLASSES)]
    if wrong or not found:
        what = f"{wrong[0].parent}: no class of GTSRB" if wrong else f"{images}: holds no images"
        raise UserError(f"{what}; put the original in place")
    return [(file, int(name)) for file, name in found]


def _test(folder: Path) -> list[tuple[Path, int]]:
    table = folder / "GT-final_test.csv"
    frame = read_table(table)
    if not {"Filename", "ClassId"} <= {*frame.columns}:
        raise UserError(f"{table}: has no columns Filename and ClassId; put the original in place")
    images = folder / "GTSRB" / "Final_Test" / "Images"
    return [
        (images / name, int(label))
        for name, label in zip(frame["Filename"], frame["ClassId"], strict=True)
    ]
