"""Published data sets of photos in a folder for each class."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from moe_search.data.catalogue import Files
from moe_search.data.files.image_lists import Listings, with_drawn_test
from moe_search.data.sets.photos.photo_set import PhotoSet, in_class_folders, numbered

_TEST_SEED = 101


@dataclass(frozen=True, kw_only=True)
class FolderSet(PhotoSet):
    """Photos whose folders say their class, in the order of the folders' names.

    Attributes:
        training: the folders that hold those of the classes, below that of the files.
        test: that of the test split; none where a fixed fifth of the photos is it.
        names: of classes whose folders are called otherwise.
        no_class: a folder that is none.
        depth: how many folders, one in another, name a class.
        fewest: photos that a class has; folders with fewer are none.
    """

    training: tuple[str, ...]
    test: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    no_class: str = ""
    depth: int = 1
    fewest: int = 1

    def listed(self, folder: Path) -> Listings:
        """Training photos, and those of the test split, which may be drawn."""
        parts = [in_class_folders(folder / part, self.depth) for part in self.training]
        photos = [(file, key) for part in parts for file, key in part if key != self.no_class]
        counts = Counter(key for _, key in photos)
        training = [(file, key) for file, key in photos if counts[key] >= self.fewest]
        keys = sorted({key for _, key in training})
        found = Listings(
            classes=tuple(self.names.get(key, key) for key in keys),
            training=numbered(training, keys, folder / self.training[0]),
            validation=None,
            test=(),
        )
        if not self.test:
            return with_drawn_test(found, _TEST_SEED)
        test = folder / self.test
        return replace(found, test=numbered(in_class_folders(test, self.depth), keys, test))


EUROSAT = FolderSet(files=Files("EuroSAT", "eurosat", ("2750",)), count=10, training=("2750",))

CALTECH101 = FolderSet(
    files=Files("Caltech101", "caltech101", ("101_ObjectCategories",)),
    count=101,
    training=("101_ObjectCategories",),
    no_class="BACKGROUND_Google",
)

CALTECH256 = FolderSet(
    files=Files("Caltech256", "caltech256", ("256_ObjectCategories",)),
    count=257,
    training=("256_ObjectCategories",),
)

OMNIGLOT = FolderSet(
    files=Files("Omniglot", "omniglot-py", ("images_background",)),
    count=964,
    training=("images_background",),
    depth=2,
)

# Most people have one photo, and torchvision's splits hold different people.
LFW_PEOPLE = FolderSet(
    files=Files(
        "LFWPeople",
        "lfw-py",
        ("lfw_funneled",),
        elsewhere=("lfw_home",),  # where scikit-learn unpacks it
        page="https://ndownloader.figshare.com/files/5976015",
    ),
    count=62,
    training=("lfw_funneled",),
    fewest=20,
)

IMAGENETTE = FolderSet(
    files=Files("Imagenette", "imagenette2", ("train", "val")),
    count=10,
    training=("train",),
    test="val",
    names={
        "n01440764": "tench",
        "n02102040": "English springer",
        "n02979186": "cassette player",
        "n03000684": "chain saw",
        "n03028079": "church",
        "n03394916": "French horn",
        "n03417042": "garbage truck",
        "n03425413": "gas pump",
        "n03445777": "golf ball",
        "n03888257": "parachute",
    },
)

RENDERED_SST2 = FolderSet(
    files=Files("RenderedSST2", "rendered-sst2", ("train", "valid", "test")),
    count=2,
    training=("train", "valid"),
    test="test",
)
