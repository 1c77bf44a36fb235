"""GTSRB, German traffic signs: image files of many sizes, in a folder a class or with a table."""

from pathlib import Path

from moe_search.data.catalogue import Files
from moe_search.data.files.image_lists import Listings
from moe_search.data.files.tables import read_table
from moe_search.data.sets.photos.photo_set import Labelled, PhotoSet, in_class_folders, numbered
from moe_search.errors import UserError

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


_TABLE = "GT-final_test.csv"
_NUMBERS = tuple(f"{number:05}" for number in range(len(CLASSES)))


class Gtsrb(PhotoSet):
    """The signs of GTSRB."""

    def listed(self, folder: Path) -> Listings:
        """Training images in folders that are numbered as their classes: 00000, 00001..."""
        images = folder / "GTSRB" / "Training"
        training = [(image, f"{name:0>5}") for image, name in in_class_folders(images)]
        return Listings(
            classes=CLASSES,
            training=numbered(training, _NUMBERS, images),
            validation=None,
            test=numbered(_test(folder), _NUMBERS, folder / _TABLE),
        )


GTSRB = Gtsrb(
    count=len(CLASSES),
    files=Files(
        "GTSRB",
        "gtsrb",
        ("GTSRB/Training", "GTSRB/Final_Test/Images", _TABLE),
        ("GTSRB/gtsrb",),
        parts=({"split": "train"}, {"split": "test"}),
    ),
)


def _test(folder: Path) -> Labelled:
    table = folder / _TABLE
    frame = read_table(table)
    if not {"Filename", "ClassId"} <= {*frame.columns}:
        raise UserError(f"{table}: has no columns Filename and ClassId; put the original in place")
    images = folder / "GTSRB" / "Final_Test" / "Images"
    return [
        (images / name, f"{label:0>5}")
        for name, label in zip(frame["Filename"], frame["ClassId"], strict=True)
    ]
