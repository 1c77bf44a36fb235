"""The order of an array's axes, in training and in prediction."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_search.data.samples import as_samples, has_float32_range, sample_shape

sides = st.integers(5, 9)
images = st.tuples(st.sampled_from([1, 3, 4]), sides, sides)


@given(images, st.integers(1, 3))
def test_what_a_layout_means_in_training_it_means_in_prediction(
    shape: tuple[int, int, int], count: int
) -> None:
    x_BCHW = np.arange(count * prod(shape)).reshape(count, *shape)
    last = x_BCHW.transpose(0, 2, 3, 1)
    stored = [x_BCHW, last, *([x_BCHW[:, 0]] if shape[0] == 1 else [])]
    for x in stored:
        assert sample_shape(x.shape) == shape
        assert np.array_equal(as_samples(x, shape), x_BCHW)
        assert np.array_equal(as_samples(x[0], shape), x_BCHW[:1])
    assert np.array_equal(as_samples(x_BCHW.reshape(count, -1), shape), x_BCHW)


@given(st.integers(1, 9), st.integers(1, 3))
def test_features(features: int, count: int) -> None:
    x_BF = np.ones((count, features))
    assert sample_shape(x_BF.shape) == (features,)
    assert as_samples(x_BF, (features,)).shape == (count, features)
    assert as_samples(x_BF[0], (features,)).shape == (1, features)


def test_an_array_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an array \[2, 7\], but the model takes samples \[6\]"):
        as_samples(np.ones((2, 7)), (6,))


@pytest.mark.parametrize(
    "shape", [(1, 6, 3), (3, 6, 1), (3, 3, 3), (16, 16, 16), (16, 20, 16), (7, 5, 7)]
)
def test_a_shape_of_two_readings_needs_a_layout(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"may be \d+ channels of .* give data\.layout"):
        sample_shape((9, *shape))
    assert sample_shape((9, *shape), "channels_first") == shape
    assert sample_shape((9, *shape), "channels_last") == (shape[2], *shape[:2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_no_type_has_infinite_numbers(kind: type) -> None:
    largest = min(np.finfo(kind).max, np.longdouble(np.finfo(np.float32).max))
    assert has_float32_range(np.array([-largest, 0, largest], kind))
    for wrong in (np.inf, -np.inf, np.nan):
        assert not has_float32_range(np.array([0, wrong], kind))


def test_numbers_beyond_float32_are_out_of_range() -> None:
    assert not has_float32_range(np.array([0, 1e39]))
    assert not has_float32_range(np.array([-1e39, 0]))
    assert has_float32_range(np.array([2**63 - 1, -(2**63)]))
    assert has_float32_range(np.array([], np.float16))
