"""When a hyperparameter has a meaning: beside plain values, in some trials, in every trial."""

from typing import Any

import pytest

from moe_search.spec import Choices, FloatRange, IntRange
from moe_search.spec.conditions import Condition, Either, When, when, when_kind
from moe_search.spec.kinds.gates import GATES

MOE = when("model.kind", "moe")
HEAVY = When("weight", lambda weight: weight > 0)
EITHER = Either((MOE, HEAVY))


def never(path: str) -> bool:
    return False


def test_it_holds_beside_the_values_it_names() -> None:
    assert MOE.holds({"model.kind": "moe"})
    assert not MOE.holds({"model.kind": "single"})
    assert not MOE.holds({}), "what is not there has no meaning"


@pytest.mark.parametrize(
    ("given", "may", "must"),
    [
        ("moe", True, True),
        ("single", False, False),
        (Choices(choices=("moe", "single")), True, False),
        (Choices(choices=("moe",)), True, True),
    ],
)
def test_choices_may_or_must_let_it_hold(given: object, may: bool, must: bool) -> None:
    assert MOE.may_hold({"model.kind": given}) is may
    assert MOE.decided_by({"model.kind": given}, never) is must


@pytest.mark.parametrize(
    ("given", "may", "must"),
    [
        (FloatRange(low=0, high=1), True, False),
        (FloatRange(low=0.1, high=1), True, True),
        (IntRange(low=0, high=0), False, False),
        (0.0, False, False),
    ],
)
def test_a_range_may_or_must_let_it_hold(given: object, may: bool, must: bool) -> None:
    assert HEAVY.may_hold({"weight": given}) is may
    assert HEAVY.decided_by({"weight": given}, never) is must


def test_it_is_not_decided_by_what_has_a_meaning_in_some_trials_only() -> None:
    assert not MOE.decided_by({"model.kind": "moe"}, lambda path: path == "model.kind")


@pytest.mark.parametrize(
    ("kind", "weight", "holds"),
    [("moe", 1, True), ("moe", 0, True), ("single", 1, True), ("single", 0, False)],
)
def test_one_of_several_is_enough(kind: str, weight: int, holds: bool) -> None:
    values: dict[str, Any] = {"model.kind": kind, "weight": weight}
    assert EITHER.holds(values) is holds
    assert EITHER.may_hold(values) is holds
    assert EITHER.decided_by(values, never) is holds


def test_one_that_always_holds_decides() -> None:
    kinds = Choices(choices=("moe", "single"))
    assert EITHER.decided_by({"model.kind": kinds, "weight": 1}, never)
    assert not EITHER.decided_by({"model.kind": kinds, "weight": 0}, never)
    assert EITHER.may_hold({"model.kind": kinds, "weight": 0})


def test_parts_are_what_can_be_told() -> None:
    conditions: list[Condition] = [MOE, EITHER]
    assert [[part.path for part in one.parts()] for one in conditions] == [
        ["model.kind"],
        ["model.kind", "weight"],
    ]


def test_a_member_of_an_open_set_decides_by_what_it_declares() -> None:
    slots = when_kind("model.gate", GATES, lambda gate: gate.has_slots)
    assert [gate for gate in GATES if slots.holds({"model.gate": gate})] == ["soft"]
