"""The data sets that come with scikit-learn: the 8 x 8 digits, and tables of features.

Shape suffixes: N sample, F feature.
"""

from dataclasses import dataclass

import numpy as np

from moe_search.data.dataset import Raw, Split
from moe_search.data.sets.base import DataSet
from moe_search.data.split import with_drawn_test
from moe_search.progress import Progress
from moe_search.spec.sections import Data

_TEST_SEED = 1797


@dataclass(frozen=True, kw_only=True)
class SklearnSet(DataSet):
    """A data set of ``sklearn.datasets``; a fixed fifth is the test split.

    Attributes:
        loader: the name of the function there.
        grey: the largest value of a pixel, where samples are grey images.
    """

    loader: str
    grey: float | None = None

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Grey images with values in 0..1, or features as they are."""
        from sklearn import datasets

        bunch = getattr(datasets, self.loader)()
        x_NS = bunch.data if self.grey is None else bunch.images[:, np.newaxis] / self.grey
        samples = Split(x_NS.astype(np.float32), bunch.target.astype(np.int64))
        training, held_out = with_drawn_test(samples, _TEST_SEED)
        classes = tuple(map(str, bunch.target_names))
        return Raw(training, held_out if test else None, classes)


DIGITS = SklearnSet(loader="load_digits", grey=16)
BREAST_CANCER = SklearnSet(loader="load_breast_cancer")
WINE = SklearnSet(loader="load_wine")
IRIS = SklearnSet(loader="load_iris")
