"""Which finalist is taken of those that may be the best."""

import math

import pytest
from support.finalist_records import finalist_record

from moe_search.moe.cost import Cost
from moe_search.search.racing.finalists import final_race, taken
from moe_search.spec.sections import Objective

GOAL = Objective.model_validate({"maximize": {"accuracy": 1.0}})
NOISE = (-0.01, 0.01, 0.01, -0.01)
"""Of four seeds; with its opposite for another finalist the error of their difference is 0.0082."""

RECORDS = [
    finalist_record(trial, seed, mean + sign * noise)
    for trial, mean, sign in ((3, 0.9, 1), (5, 0.895, -1), (8, 0.885, 1))
    for seed, noise in enumerate(NOISE)
]


def costs_of(**multiply_adds: int) -> dict[int, Cost]:
    return {int(trial[1:]): Cost(2, count) for trial, count in multiply_adds.items()}


@pytest.mark.parametrize(
    ("costs", "trial"),
    [
        ({}, 3),
        ({"t3": 1000, "t5": 900, "t8": 100}, 5),
        ({"t3": 1000, "t5": 901, "t8": 100}, 3),
        ({"t3": 1000, "t8": 100}, 3),
        ({"t5": 900}, 3),
        ({"t3": 1000, "t5": 2000}, 3),
    ],
)
def test_the_simplest_within_a_standard_error_of_the_best_is_taken(
    costs: dict[str, int], trial: int
) -> None:
    race = final_race(GOAL, RECORDS)
    assert [standing.key for standing in race.standings] == [3, 5, 8]
    assert taken(race, costs_of(**costs)) == trial


@pytest.mark.parametrize(("behind", "trial"), [(0.99, 5), (1.01, 3)])
def test_one_standard_error_is_one_however_few_seeds_there_are(behind: float, trial: int) -> None:
    """Two seeds of two finalists: the noise has one degree of freedom, and Student's t is wide."""
    error = 0.01 * math.sqrt(2)  # of a difference of two means of two values, by the residuals
    records = [
        finalist_record(trial, seed, mean + sign * 0.01 / math.sqrt(2) * (-1) ** seed)
        for trial, mean, sign in ((3, 0.9, 1), (5, 0.9 - behind * error, -1))
        for seed in (0, 1)
    ]
    race = final_race(GOAL, records)
    assert race.standings[1].lead.error == pytest.approx(error)
    assert taken(race, costs_of(t3=1000, t5=500)) == trial


def test_others_may_be_compared_with_the_one_that_is_taken() -> None:
    race = final_race(GOAL, RECORDS)
    best, last = (race.lead(trial, 5).interval for trial in (3, 8))
    assert (best.mean, last.mean) == pytest.approx((0.005, -0.01))
    assert best.low < 0 < best.high


def test_one_seed_tells_nothing_of_the_noise() -> None:
    race = final_race(GOAL, [record for record in RECORDS if record.seed == 0])
    assert race.standings[0].key == 5  # by its value alone
    assert taken(race, costs_of(t3=1, t5=1000)) == 5
