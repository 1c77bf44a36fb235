"""Stratified splits with exact counts.

Shape suffixes: N sample, C class.
"""

from typing import Literal

import numpy as np

from moe_search.data.dataset import Ints, Samples
from moe_search.data.mapped import chosen
from moe_search.errors import UserError

_SHARE = 0.2  # of the training data becomes a split that the data does not bring


def validation_count(validation: int | float | Literal["auto"], total: int) -> int:
    """Number of samples to hold out of ``total``: an int is a count, a float a share, auto a fifth.

    Raises:
        UserError: it leaves nothing to validate on or nothing to train on.
    """
    share = _SHARE if validation == "auto" else validation
    count = share if isinstance(share, int) else round(share * total)
    if not 0 < count < total:
        raise UserError(
            f"data.validation: {validation} is {count} of {total} training samples; "
            f"hold out between 1 and {total - 1}"
        )
    return count


def drawn_test(y_N: Ints, seed: int) -> tuple[Ints, Ints]:
    """Indices of the test split and of the rest, for data that brings no test split."""
    return stratified(y_N, round(_SHARE * len(y_N)), np.random.default_rng(seed))


def with_drawn_test(samples: Samples, seed: int) -> tuple[Samples, Samples]:
    """Training samples and those of the test split, of data that brings no test split."""
    drawn_N, rest_N = drawn_test(samples.y, seed)
    return chosen(samples, rest_N), chosen(samples, drawn_N)


def stratified(y_N: Ints, count: int, rng: np.random.Generator, keep: int = 1) -> tuple[Ints, Ints]:
    """Draw ``count`` samples, of each class as near to its share as whole numbers allow.

    Every class gets a sample among the drawn where ``count`` allows it, and leaves ``keep``
    samples (0 or 1) among the rest; where that leaves fewer than ``count``, fewer are drawn.

    Returns:
        Indices of the drawn and of the rest, each in ascending order.
    """
    taken_C = _apportion(np.bincount(y_N), count, keep)
    shuffled_N = rng.permutation(len(y_N))
    by_class_N = shuffled_N[np.argsort(y_N[shuffled_N], kind="stable")]
    sizes_C = np.bincount(y_N)
    first_C = np.cumsum(sizes_C) - sizes_C
    rank_N = np.arange(len(y_N)) - np.repeat(first_C, sizes_C)
    drawn_N = rank_N < np.repeat(taken_C, sizes_C)
    return np.sort(by_class_N[drawn_N]), np.sort(by_class_N[~drawn_N])


def _apportion(sizes_C: Ints, count: int, keep: int) -> Ints:
    """Whole numbers that sum to ``count``, in proportion to sizes by largest remainder."""
    most_C = np.maximum(sizes_C - keep, 0)
    least_C = np.minimum(most_C, 1)
    count = min(count, int(most_C.sum()))
    if least_C.sum() > count:
        least_C = np.zeros_like(sizes_C)
    total = sizes_C.sum()
    taken_C: Ints = np.clip(sizes_C * count // total, least_C, most_C)
    # What a class lacks to its exact share, times the total: whole numbers, so that ties are ties.
    while (missing := count - taken_C.sum()) != 0:
        lack_C = sizes_C * count - taken_C * total
        if missing > 0:
            taken_C[np.where(taken_C < most_C, lack_C, lack_C.min() - 1).argmax()] += 1
        else:
            taken_C[np.where(taken_C > least_C, lack_C, lack_C.max() + 1).argmin()] -= 1
    return taken_C
