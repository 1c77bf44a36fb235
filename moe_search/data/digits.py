"""The 8 x 8 digits that come with scikit-learn."""

import numpy as np

from moe_search.data.dataset import Raw, Samples
from moe_search.data.split import stratified

_TEST_SEED = 1797
_TEST_SHARE = 0.2


def read_digits(test: bool) -> Raw:
    """1,797 grey images with values in 0..1; one fixed fifth of them is the test split."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x_NCHW = (digits.images / 16).astype(np.float32)[:, np.newaxis]
    y_N = digits.target.astype(np.int64)
    rng = np.random.default_rng(_TEST_SEED)
    held_out, training = stratified(y_N, round(_TEST_SHARE * len(y_N)), rng)
    return Raw(
        training=Samples(x_NCHW[training], y_N[training]),
        test=Samples(x_NCHW[held_out], y_N[held_out]) if test else None,
        classes=tuple("0123456789"),
    )
