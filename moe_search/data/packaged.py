"""The data sets that come with scikit-learn: the 8 x 8 digits, and tables of features.

Shape suffixes: N sample, F feature.
"""

import numpy as np

from moe_search.data.dataset import Raw, Samples
from moe_search.data.split import TEST_SHARE, stratified

PACKAGED = ("digits", "breast_cancer", "wine")

_TEST_SEED = 1797


def read_packaged(name: str, test: bool) -> Raw:
    """Grey images with values in 0..1, or features as they are; a fixed fifth is the test split."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    x_NS = bunch.images[:, np.newaxis] / 16 if name == "digits" else bunch.data
    y_N = bunch.target.astype(np.int64)
    rng = np.random.default_rng(_TEST_SEED)
    held_out, training = stratified(y_N, round(TEST_SHARE * len(y_N)), rng)
    x_NS = x_NS.astype(np.float32)
    return Raw(
        training=Samples(x_NS[training], y_N[training]),
        test=Samples(x_NS[held_out], y_N[held_out]) if test else None,
        classes=tuple(map(str, bunch.target_names)),
    )
