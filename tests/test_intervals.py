"""Intervals of a mean over seeds, against scipy, textbook values and how often they hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_search.intervals import FEWEST_SEEDS, Interval, welch
from moe_search.search.ranking import interval_of

shares = st.floats(0, 1)


def test_students_t() -> None:
    three = Interval.of([1.0, 2.0, 3.0])
    half = 4.302652729749464 / math.sqrt(3)  # t of 2 degrees of freedom at 0.975
    assert (three.mean, three.deviation) == (2.0, 1.0)
    assert (three.low, three.high) == pytest.approx((2 - half, 2 + half))


@pytest.mark.parametrize("values", [[0.2], [0.2, 0.3]])
@pytest.mark.parametrize("interval", [Interval.of, lambda v: Interval.of_share(v, 100)])
def test_fewer_than_three_seeds_have_no_interval(values: list[float], interval: object) -> None:
    assert callable(interval)
    found = interval(values)
    assert len(values) < FEWEST_SEEDS
    assert found.mean == pytest.approx(np.mean(values))
    assert math.isnan(found.deviation) == (len(values) == 1)
    assert not found.known
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(("wrong", "samples"), [(0, 50), (3, 50), (25, 50), (50, 50), (7, 360)])
def test_seeds_that_agree_leave_wilsons_interval_of_the_samples(wrong: int, samples: int) -> None:
    found = Interval.of_share([wrong / samples] * 5, samples)
    expected = stats.binomtest(wrong, samples).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_of_many_samples_what_is_left_is_nearly_students_t() -> None:
    errors = [0.30, 0.31, 0.33, 0.32, 0.31]
    found, t = Interval.of_share(errors, 10**9), Interval.of(errors)
    assert (found.low, found.high) == pytest.approx((t.low, t.high), abs=5e-4)
    unknown = Interval.of_share(errors, None)
    assert (unknown.low, unknown.high) == pytest.approx((found.low, found.high), abs=1e-6)


@given(st.lists(shares, min_size=1, max_size=8), st.one_of(st.none(), st.integers(1, 10**6)))
def test_bounds_lie_between_0_and_1_around_the_mean(
    errors: list[float], samples: int | None
) -> None:
    found = Interval.of_share(errors, samples)
    assert found.known == (len(errors) >= FEWEST_SEEDS)
    if found.known:
        assert 0 <= found.low <= found.mean + 1e-9
        assert found.mean - 1e-9 <= found.high <= 1


def test_fewer_samples_make_it_wider() -> None:
    found = [Interval.of_share([0.05, 0.06, 0.055], samples) for samples in (100, 1000, 100_000)]
    widths = [interval.high - interval.low for interval in found]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 3 * widths[2]


@pytest.mark.parametrize(
    ("samples", "error", "alike", "between"),
    [(360, 0.07, 2.0, 0.0), (360, 0.07, 2.0, 0.015), (2000, 0.3, 5.0, 0.01), (100, 0.02, 1.0, 0)],
)
def test_it_holds_the_true_error_where_the_seeds_alone_do_not(
    samples: int, error: float, alike: float, between: float
) -> None:
    """Splits are drawn anew: samples differ in how hard they are, seeds in how good they are."""
    rng = np.random.default_rng(0)
    draws, held, by_seeds = 600, 0, 0
    for _ in range(draws):
        hard_N = rng.beta(error * alike, (1 - error) * alike, samples)
        errors = [
            float((rng.random(samples) < np.clip(hard_N + rng.normal(0, between), 0, 1)).mean())
            for _ in range(3)
        ]
        found, t = Interval.of_share(errors, samples), Interval.of(errors)
        held += found.low <= error <= found.high
        by_seeds += t.low <= error <= t.high
    assert held / draws >= 0.94
    assert by_seeds < held


@pytest.mark.parametrize("ours", [(0.04, 0.006, 10), (0.031, 0.002, 3), (0.05, 0.0, 4)])
def test_welchs_p_is_scipys(ours: tuple[float, float, int]) -> None:
    theirs = (0.037, 0.003, 10)
    expected = stats.ttest_ind_from_stats(*ours, *theirs, equal_var=False).pvalue
    assert welch(ours, theirs) == pytest.approx(expected, rel=1e-9)
    assert welch(theirs, ours) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("ours", [(0.04, math.nan, 1), (0.04, 0.0, 5)])
def test_welchs_p_is_not_known_of_one_run_or_without_deviation(
    ours: tuple[float, float, int],
) -> None:
    assert math.isnan(welch(ours, (0.037, 0.0, 10)))


def test_only_shares_of_samples_are_bound_by_their_number() -> None:
    values = [0.1, 0.2, 0.15]
    assert interval_of("error", values, 50) == Interval.of_share(values, 50)
    assert interval_of("accuracy", values, 50) == Interval.of_share(values, 50)
    assert interval_of("sample_entropy", values, 50) == Interval.of(values)
