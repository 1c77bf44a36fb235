"""A published data set of photo files, which become squares of one size."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moe_search.data.dataset import Raw
from moe_search.data.files.image_files import image_files
from moe_search.data.files.image_lists import Listing, Listings
from moe_search.data.files.images import typical_form
from moe_search.data.sets.base import Survey, TorchvisionSet
from moe_search.data.sets.image_folder import read_listings
from moe_search.errors import UserError
from moe_search.progress import Progress
from moe_search.spec.sections import Data
from moe_search.words import show

Labelled = Sequence[tuple[Path, str]]
"""Photos, each with what the files call its class."""


@dataclass(frozen=True, kw_only=True)
class PhotoSet(TorchvisionSet):
    """A published data set of photo files, which become squares of one size.

    Attributes:
        count: the number of its classes.
    """

    count: int

    @abstractmethod
    def listed(self, folder: Path) -> Listings:
        """Which photos there are, of which class, and in which split.

        Raises:
            UserError: a file is missing or damaged.
        """

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Images of ``source.image_size`` x ``source.image_size`` and ``source.channels``."""
        found = self._found(source, progress)
        splits = {"training": found.training} | ({"test": found.test} if test else {})
        samples = read_listings(splits, source, progress)
        return Raw(samples["training"], samples.get("test"), found.classes)

    def survey(self, source: Data, progress: Progress) -> Survey:
        """Look at some of its photos, for the size and channels that fit."""
        found = self._found(source, progress)
        form = typical_form([(photo, str(photo)) for photo, _ in found.training], progress)
        sizes = {"image_size": form.side, "channels": form.channels}
        return Survey(
            source.model_copy(update=sizes),
            (form.channels, form.side, form.side),
            Counter(found.classes[label] for _, label in found.training),
            own_validation=False,
            comments={**form.comments, "image_size": f"squares; the photos are {form.sizes}"},
        )

    def _found(self, source: Data, progress: Progress) -> Listings:
        folder = self.folder(source.root, progress)
        found = self.listed(folder)
        classes = len({label for _, label in found.training})
        if classes != self.count:
            raise UserError(
                f"{folder}: has training photos of {classes} classes, expected {self.count}; "
                "put the original in place"
            )
        return found


def in_class_folders(folder: Path, depth: int = 1) -> Labelled:
    """The photos of a folder that has a folder for each class, and no others below it.

    Args:
        folder: where they begin.
        depth: how many folders, one in another, name a class.
    """
    found = [(file, file.relative_to(folder).parts) for file in image_files(folder, Counter())]
    return [(file, "/".join(parts[:depth])) for file, parts in found if len(parts) == depth + 1]


def numbered(photos: Labelled, classes: Sequence[str], where: Path) -> Listing:
    """Photos with their class numbers.

    Args:
        photos: those of a split.
        classes: what the files call each class, by its number.
        where: what says which photos there are.

    Raises:
        UserError: there are none, or one is of no class.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    unknown = [name for _, name in photos if name not in numbers]
    if unknown or not photos:
        what = f"{show(unknown[0])} is no class" if unknown else "holds no images"
        raise UserError(f"{where}: {what}; put the original in place")
    return [(photo, numbers[name]) for photo, name in photos]
