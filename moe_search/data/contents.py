"""Looks at the data of a study as a run would, and counts its samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moe_search.data.load import load
from moe_search.data.sets.base import DataSet
from moe_search.progress import Progress, silent
from moe_search.spec.kinds.data_sets import DATA_SETS
from moe_search.spec.sections import Data


@dataclass(frozen=True)
class Contents:
    """What a data set holds once it is split.

    Attributes:
        shape: of one sample, (C, H, W) or (F,).
        classes: names by class number.
        counts: samples of each class by split: training, validation, test.
        stand_in: whether validation samples are training samples, too, as nothing is held out.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    stand_in: bool

    @property
    def samples(self) -> dict[str, int]:
        """Their number by split."""
        return {split: sum(counts) for split, counts in self.counts.items()}


def look(source: Data, progress: Progress = silent) -> Contents | None:
    """Read all of a data set and split it; None where it is yet to be downloaded.

    Raises:
        UserError: as ``load``.
    """
    data_set: DataSet = DATA_SETS[source.name].load()
    if data_set.downloads(source.root):
        return None
    data = load(source, test=True, progress=progress)
    assert data.test is not None
    splits = {"training": data.train, "validation": data.validation, "test": data.test}
    size = len(data.classes)
    return Contents(
        data.shape,
        data.classes,
        {name: tuple(np.bincount(s.y, minlength=size).tolist()) for name, s in splits.items()},
        source.validation == 0,
    )
