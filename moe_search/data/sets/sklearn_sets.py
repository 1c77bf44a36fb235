"""The data sets that come with scikit-learn: the 8 x 8 digits, and tables of features.

Shape suffixes: N sample, F feature.
"""

import numpy as np

from moe_search.data.dataset import Raw, Samples
from moe_search.data.split import drawn_test

PACKAGED = ("digits", "breast_cancer", "wine")

_TEST_SEED = 1797


def read_packaged(name: str, test: bool) -> Raw:
    """Grey images with values in 0..1, or features as they are; a fixed fifth is the test split."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    x_NS = bunch.images[:, np.newaxis] / 16 if name == "digits" else bunch.data
    samples = Samples(x_NS.astype(np.float32), bunch.target.astype(np.int64))
    held_out, training = map(samples.some, drawn_test(samples.y_N, _TEST_SEED))
    classes = tuple(map(str, bunch.target_names))
    return Raw(training, held_out if test else None, classes)
