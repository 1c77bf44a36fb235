"""Stanford's cars: photos by models of cars, with names and classes in MATLAB's files."""

from pathlib import Path

from moe_search.data.catalogue import Files
from moe_search.data.files.image_lists import Listing, Listings
from moe_search.data.files.matlab import read_matlab
from moe_search.data.sets.photos.photo_set import PhotoSet, numbered
from moe_search.errors import UserError

_TRAINING, _TEST = "devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat"


class StanfordCars(PhotoSet):
    """Photos of cars."""

    def listed(self, folder: Path) -> Listings:
        """Those of the training split, and those of the test split."""
        names = read_matlab(folder / "devkit/cars_meta.mat", "class_names")[0].ravel()
        classes = tuple(str(name.item()) for name in names)
        return Listings(
            classes=classes,
            training=_listing(folder / _TRAINING, folder / "cars_train", len(classes)),
            validation=None,
            test=_listing(folder / _TEST, folder / "cars_test", len(classes)),
        )


STANFORD_CARS = StanfordCars(
    count=196,
    files=Files(
        "StanfordCars",
        "stanford_cars",
        ("devkit", "cars_train", "cars_test", _TEST),
        page="https://github.com/pytorch/vision/issues/7545",
    ),
)


def _listing(path: Path, photos: Path, classes: int) -> Listing:
    """The photos that a file of annotations names; it counts classes from 1."""
    rows = read_matlab(path, "annotations")[0].ravel()
    if not {"fname", "class"} <= {*(rows.dtype.names or ())}:
        raise UserError(f"{path}: has no fields fname and class; put the original in place")
    found = [(photos / str(r["fname"].item()), str(int(r["class"].item()))) for r in rows]
    return numbered(found, [str(number) for number in range(1, classes + 1)], path)
