"""Places of configurations, and configurations of places."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_search.search.suggest import distribution
from moe_search.search.surrogate.cube import Cube
from moe_search.spec import Choices, Domain, FloatRange, IntRange, check_study
from moe_search.spec.searchable import Parameter

places = st.floats(0, 1)


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    match draw(st.sampled_from(["int", "log int", "float", "log", "steps", "choices"])):
        case "int":
            low, step = draw(st.integers(-5, 5)), draw(st.integers(1, 3))
            return IntRange(low=low, high=low + draw(st.integers(0, 20)), step=step)
        case "log int":
            low = draw(st.integers(1, 5))
            return IntRange(low=low, high=low + draw(st.integers(0, 200)), log=True)
        case "float":
            return FloatRange(low=-1.5, high=draw(st.floats(-1, 3)))
        case "log":
            return FloatRange(low=1e-4, high=draw(st.floats(1e-3, 10)), log=True)
        case "steps":
            return FloatRange(low=0.0, high=draw(st.floats(0.1, 2)), step=0.3)
    return Choices(choices=(False, 0.5, "original", 3))


@given(domains(), places)
def test_every_place_has_a_value_of_the_domain_and_the_value_its_place(
    domain: Domain, place: float
) -> None:
    cube = Cube([Parameter("a.b", domain, ())])
    values = cube.values([place])
    assert domain.contains(values["a.b"])
    known = distribution(domain)
    assert known._contains(known.to_internal_repr(values["a.b"]))
    (found,) = cube.place(values)
    assert 0 <= found <= 1
    again = cube.values([found])["a.b"]
    assert again == pytest.approx(values["a.b"], abs=1e-9) if not isinstance(again, str) else again


@given(st.integers(2, 9), st.booleans())
def test_integers_get_equal_shares(count: int, log: bool) -> None:
    cube = Cube([Parameter("a.b", IntRange(low=1, high=count, log=log), ())])
    found = [cube.values([place])["a.b"] for place in np.linspace(0, 1, 2000)]
    edges = [n + 0.5 for n in range(count + 1)]
    for n in range(1, count + 1):
        share = math.log(edges[n] / edges[n - 1], edges[-1] / edges[0]) if log else 1 / count
        assert found.count(n) / 2000 == pytest.approx(share, abs=2e-3)


def test_what_has_no_meaning_has_no_place() -> None:
    given: dict[str, Any] = {
        "kind": {"choices": ["none", "importance"]},
        "weight": {"low": 0.01, "high": 1.0, "log": True},
    }
    study = check_study({"name": "a", "data": "digits", "regularizer": given})
    cube = Cube(study.parameters)
    assert cube.values([0.2, 0.5]) == {"regularizer.kind": "none"}
    assert cube.values([0.8, 0.5]) == {
        "regularizer.kind": "importance",
        "regularizer.weight": pytest.approx(0.1),
    }
    np.testing.assert_array_equal(cube.place({"regularizer.kind": "none"}), [0.25, np.nan])
