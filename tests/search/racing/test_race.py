"""Who stays in a race over seeds."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_search.search.racing.race import Race, race

SEEDS = (3, 4, 5, 6)

TABLES = st.dictionaries(
    st.integers(0, 9),
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.floats(-1, 1, width=16), min_size=n, max_size=n)
    ),
    min_size=1,
)


def by_seed(values: list[float]) -> dict[int, float]:
    return dict(zip(SEEDS, values, strict=False))


def run_to_the_end(
    truth: Mapping[int, float], deviation: float, limit: int, level: float, draw: int
) -> tuple[Race[int], int]:
    """Give those that stay a seed each, round by round; what is said, and how many were drawn."""
    noise = np.random.default_rng(draw).normal(0, deviation, (len(truth) + 1, limit))
    worth = {
        (key, seed): value + noise[n, seed] + 10 * noise[-1, seed]  # what a seed does to all alike
        for n, (key, value) in enumerate(truth.items())
        for seed in range(limit)
    }
    values = {key: {0: worth[key, 0]} for key in truth}
    for seed in range(1, limit):
        found = race(values, level)
        for standing in () if found.decided else found.standings:
            if not standing.out:
                values[standing.key][seed] = worth[standing.key, seed]
    return race(values, level), sum(map(len, values.values()))


@given(TABLES)
def test_the_incumbent_is_the_surest_and_none_that_leads_is_out(
    lists: dict[int, list[float]],
) -> None:
    found = race({key: by_seed(of) for key, of in lists.items()}, 0.9)
    first, *others = found.standings
    assert {standing.key for standing in found.standings} == lists.keys()
    assert not first.out
    assert all(first.sure >= other.sure for other in others)
    assert all(first.mean >= other.mean for other in others if other.seeds == first.seeds)
    assert [other.out for other in others] == sorted(other.out for other in others)
    for other in others:
        assert other.out == (other.lead.interval.high < 0)
        assert not (other.out and other.lead.interval.mean >= 0)


@given(TABLES, st.lists(st.floats(-1, 1, width=16), min_size=4, max_size=4))
def test_what_a_seed_does_to_all_alike_changes_nothing_between_equals_in_seeds(
    lists: dict[int, list[float]], effects: list[float]
) -> None:
    fewest = min(map(len, lists.values()))
    plain = {key: by_seed(of[:fewest]) for key, of in lists.items()}
    moved = {
        key: {
            seed: value + effect for (seed, value), effect in zip(of.items(), effects, strict=False)
        }
        for key, of in plain.items()
    }
    one, other = (race(values, 0.9) for values in (plain, moved))
    if one.standings[0].key != other.standings[0].key:  # equal but for rounding
        assert one.standings[0].mean == pytest.approx(
            other.standings[0].mean - np.mean(effects[:fewest])
        )
        return
    leads = [{s.key: s.lead.interval.high for s in found.standings} for found in (one, other)]
    assert leads[0] == pytest.approx(leads[1], abs=1e-6, nan_ok=True)


def test_one_seed_is_enough_once_the_noise_is_known() -> None:
    """By hand: the residuals of those with two seeds are ±0.005, of one degree of freedom."""
    values = {"a": {3: 0.92, 4: 0.92}, "b": {3: 0.90, 4: 0.92}, "c": {3: 0.88}, "d": {3: 0.5}}
    found = race(values, 0.9)
    assert [(s.key, s.out) for s in found.standings] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("d", True),
    ]
    half = 6.3138 * 0.01 * 2**0.5  # Student's t of one degree; s = sqrt(4 * 0.005²)
    lead = found.standings[2].lead.interval
    assert (lead.low, lead.high) == pytest.approx((-0.04 - half, -0.04 + half), rel=1e-4)
    lead = found.standings[1].lead.interval
    assert lead.high == pytest.approx(-0.01 + half / 2**0.5, rel=1e-4)


def test_a_lucky_first_value_does_not_win_over_a_good_mean() -> None:
    values = {"a": {3: 0.90, 4: 0.91, 5: 0.90}, "b": {3: 0.86, 4: 0.90, 5: 0.85}, "c": {3: 0.905}}
    found = race(values, 0.9)
    assert found.standings[0].key == "a"


def test_nobody_is_out_before_there_is_a_replicate() -> None:
    found = race({"a": {3: 0.9}, "b": {3: 0.1}}, 0.9)
    assert not found.decided
    assert not found.standings[1].lead.interval.known


def test_a_race_of_one_is_decided() -> None:
    found = race({"a": {3: 0.9}}, 0.9)
    assert found.decided
    with pytest.raises(ValueError, match="needs a configuration"):
        race({}, 0.9)


def test_the_best_wins_and_the_poor_cost_little() -> None:
    """Ten configurations, 0.01 apart; the noise of a seed is 0.01, that of all alike 0.1."""
    truth = {key: 0.9 - 0.01 * key for key in range(10)}
    ends = [run_to_the_end(truth, 0.01, 8, 0.9, draw) for draw in range(40)]
    assert sum(found.standings[0].key == 0 for found, _ in ends) >= 34
    assert all(found.standings[0].key <= 1 for found, _ in ends)
    assert np.mean([trainings for _, trainings in ends]) < 40  # of 80 that all seeds of all are


def test_equals_go_to_the_limit_and_stop() -> None:
    found, trainings = run_to_the_end({0: 0.9, 1: 0.9}, 0.01, 6, 0.999, 1)
    assert trainings <= 12
    assert found.standings[0].seeds == 6 or found.decided
