import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_search.data.split import stratified, validation_count
from moe_search.errors import UserError

SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(lambda sizes: sum(sizes) > 1)


def labels(sizes: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    y_N = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(7).permutation(y_N)


@given(SIZES, st.data())
def test_a_split_is_exact_and_as_near_to_proportion_as_whole_numbers_allow(
    sizes: list[int], data: st.DataObject
) -> None:
    y_N = labels(sizes)
    count = data.draw(st.integers(1, len(y_N) - 1))
    drawn, rest = stratified(y_N, count, np.random.default_rng(0))

    assert len(drawn) == min(count, sum(max(size - 1, 0) for size in sizes))
    assert sorted([*drawn, *rest]) == list(range(len(y_N)))
    assert (np.diff(drawn) > 0).all()
    assert (np.diff(rest) > 0).all()

    sizes_C = np.array(sizes)
    drawn_C = np.bincount(y_N[drawn], minlength=len(sizes))
    exact_C = sizes_C * count / len(y_N)
    crowded = (exact_C >= 1).all() and (sizes_C - exact_C >= 1).all()
    if crowded:  # no class is so small that presence on both sides overrides proportion
        assert (np.abs(drawn_C - exact_C) < 1).all()


@given(SIZES, st.data())
def test_every_class_is_on_both_sides_where_possible(sizes: list[int], data: st.DataObject) -> None:
    y_N = labels(sizes)
    count = data.draw(st.integers(1, len(y_N) - 1))
    drawn, rest = stratified(y_N, count, np.random.default_rng(0))
    divisible = sum(size >= 2 for size in sizes)
    for label, size in enumerate(sizes):
        assert (label in y_N[rest]) == (size >= 1)
        if divisible <= count:
            assert (label in y_N[drawn]) == (size >= 2)


def test_a_limit_takes_a_class_of_one_sample_too() -> None:
    y_N = labels([1, 50, 50])
    drawn, _ = stratified(y_N, 10, np.random.default_rng(0), keep=0)
    assert sorted(np.bincount(y_N[drawn])) == [1, 4, 5]


def test_remainders_go_to_the_largest() -> None:
    # shares of 10: 5.5, 3.3, 1.2
    y_N = labels([55, 33, 12])
    drawn, _ = stratified(y_N, 10, np.random.default_rng(0))
    assert np.bincount(y_N[drawn]).tolist() == [6, 3, 1]


def test_the_generator_decides_which_samples() -> None:
    y_N = labels([30, 30])

    def drawn(seed: int) -> tuple[int, ...]:
        return tuple(stratified(y_N, 20, np.random.default_rng(seed))[0])

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


@pytest.mark.parametrize(("validation", "count"), [(10, 10), (0.25, 25), (0.204, 20), (99, 99)])
def test_validation_is_a_count_or_a_share(validation: float, count: int) -> None:
    assert validation_count(validation, 100) == count


@pytest.mark.parametrize("validation", [100, 1000, 0, 0.001, 0.999, 1.0, -5])
def test_a_validation_split_must_leave_samples_on_both_sides(validation: float) -> None:
    with pytest.raises(UserError, match=r"^data\.validation: .* of 100 .* between 1 and 99$"):
        validation_count(validation, 100)
