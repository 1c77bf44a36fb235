"""A user's own images: a folder a class, or files and a table of their labels.

Shape suffixes: N sample, C channel, H height, W width.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.image_files import image_files
from moe_search.data.files.image_lists import Listing, listings
from moe_search.data.files.images import decode_all, typical_form
from moe_search.data.sets.base import DataSet, Survey, own_path
from moe_search.progress import Note, Progress
from moe_search.spec.sections import Data


class ImageFolder(DataSet):
    """Images of a folder."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Images of ``source.image_size`` x ``source.image_size`` and ``source.channels``.

        Only those that are asked for are opened.

        Raises:
            UserError: what ``listings`` raises, or an unreadable image.
        """
        path = own_path(source)
        found = listings(path, source)
        for note in found.notes:
            progress(Note(f"{path}: {note}"))

        splits = {"training": found.training}
        splits |= {"test": found.test} if test else {}
        splits |= {} if found.validation is None else {"validation": found.validation}
        samples = read_listings(splits, source, progress)
        return Raw(
            samples["training"], samples.get("test"), found.classes, samples.get("validation")
        )

    def claims(self, path: Path) -> bool:
        """Whether it is a folder with images."""
        return path.is_dir() and next(image_files(path, Counter()), None) is not None

    def survey(self, source: Data, progress: Progress) -> Survey:
        """Look at some of its images, for the size and channels that fit."""
        found = listings(own_path(source), source)
        images = [(image, str(image)) for image, _ in found.training]
        form = typical_form(images, progress)
        sizes = {"image_size": form.side, "channels": form.channels}
        chosen = source.model_copy(update={**found.keys, **sizes})
        return Survey(
            chosen,
            (form.channels, form.side, form.side),
            Counter(found.classes[label] for _, label in found.training),
            found.validation is not None,
            form.comments,
            found.notes,
        )


IMAGE_FOLDER = ImageFolder()


def read_listings(
    splits: Mapping[str, Listing], source: Data, progress: Progress
) -> dict[str, Samples]:
    """The images of each split, with their class numbers; see ``decode_all``."""
    files = {name: [(image, str(image)) for image, _ in each] for name, each in splits.items()}
    found = {}
    for name, (x_NHWC, kept) in decode_all(files, source, progress).items():
        y_N = np.array([label for _, label in splits[name]], np.int64)[kept]
        found[name] = Split(x_NHWC.transpose(0, 3, 1, 2), y_N)
    return found
