"""Which finalist is taken of those that may be the best."""

import pytest
from support.finalist_records import finalist_record

from moe_search.moe.cost import Cost
from moe_search.search.racing.finalists import final_race
from moe_search.spec.sections import Objective

GOAL = Objective.model_validate({"maximize": {"accuracy": 1.0}})
NOISE = (-0.01, 0.01, 0.01, -0.01)
"""Of four seeds; with its opposite for another finalist the error of their difference is 0.0082."""

RECORDS = [
    finalist_record(trial, seed, mean + sign * noise)
    for trial, mean, sign in ((3, 0.9, 1), (5, 0.895, -1), (8, 0.885, 1))
    for seed, noise in enumerate(NOISE)
]


def order(**multiply_adds: int) -> list[int]:
    costs = {int(trial[1:]): Cost(2, count) for trial, count in multiply_adds.items()}
    return [standing.key for standing in final_race(GOAL, RECORDS, costs=costs).standings]


@pytest.mark.parametrize(
    ("costs", "taken"),
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
    costs: dict[str, int], taken: int
) -> None:
    assert order(**costs) == sorted([3, 5, 8], key=lambda trial: (trial != taken, trial))


def test_others_are_compared_with_the_one_that_is_taken() -> None:
    costs = {3: Cost(2, 1000), 5: Cost(1, 500)}
    first, best, last = final_race(GOAL, RECORDS, costs=costs).standings
    assert not first.lead.known
    assert (best.lead.mean, last.lead.mean) == pytest.approx((0.005, -0.01))
    assert best.lead.low < 0 < best.lead.high
    assert best.sure > first.sure


def test_one_seed_tells_nothing_of_the_noise() -> None:
    records = [record for record in RECORDS if record.seed == 0]
    costs = {3: Cost(2, 1000), 5: Cost(1, 500)}
    assert final_race(GOAL, records, costs=costs).standings[0].key == 5  # by its value alone
    assert final_race(GOAL, records, costs={5: Cost(2, 1000), 3: Cost(1, 1)}).standings[0].key == 5
