"""The contract of a data set of one's own.

In the tests of the package that declares it::

    from moe_search.testing import DataSetContract

    class TestMine(DataSetContract):
        name = "mine"
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from moe_search.data import Dataset, load
from moe_search.spec import Data
from moe_search.spec.kinds.data_sets import DATA_SETS


class DataSetContract:
    """Tests that pytest runs for a subclass whose name starts with Test.

    Attributes:
        name: under which the data set is declared.
        path: what ``data.path`` is to be; None where it needs none.
        options: other keys of the data section.
    """

    name: ClassVar[str]
    path: ClassVar[Path | None] = None
    options: ClassVar[dict[str, Any]] = {}

    def loaded(self, **others: Any) -> Dataset:
        """The data set with its test split, and with other keys of the data section."""
        source = Data.model_validate(
            {"name": self.name, "path": self.path, **self.options, **others}
        )
        return load(source, test=True)

    def test_it_is_declared(self) -> None:
        assert self.name in DATA_SETS, f"no installed package declares it in {DATA_SETS.group}"
        kind = DATA_SETS[self.name]
        assert kind.meaning, "it does not say what it is"
        assert (kind.path is None) == (self.path is None), "its row says whether it needs a path"

    def test_its_splits_hold_finite_samples_of_one_shape_and_type(self) -> None:
        dataset = self.loaded()
        assert dataset.test is not None, "a test split was asked for"
        assert len(dataset.shape) in (1, 3), "samples are [C, H, W] or [F]"
        for split in (dataset.train, dataset.validation, dataset.test):
            assert split.x.shape[1:] == dataset.shape
            assert (str(split.x.dtype), str(split.y.dtype)) == ("float32", "int64")
            assert len(split.x) == len(split.y) > 0
            assert np.isfinite(split.x).all()

    def test_every_class_has_a_name_and_a_sample_in_training(self) -> None:
        dataset = self.loaded()
        assert len(set(dataset.classes)) == len(dataset.classes) >= 2
        assert set(dataset.train.y.tolist()) == set(range(len(dataset.classes)))
        for split in filter(None, (dataset.validation, dataset.test)):
            assert set(split.y.tolist()) <= set(range(len(dataset.classes)))

    def test_it_is_the_same_each_time_and_the_test_split_changes_nothing(self) -> None:
        first, again = self.loaded(), self.loaded()
        source = Data.model_validate({"name": self.name, "path": self.path, **self.options})
        without = load(source)
        assert without.test is None, "the test split is read only where it is asked for"
        for other in (again, without):
            assert first.classes == other.classes
            assert np.array_equal(first.train.x, other.train.x)
            assert np.array_equal(first.validation.y, other.validation.y)
