"""Terms of the regularizer, each with a weight of its own, beside kind and weight of before."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from moe_search.errors import UserError
from moe_search.spec import Regularizer, Study, check_study, json_schema
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.terms import TERMS

RANGE = {"low": 0.01, "high": 1, "log": True}
FORMS = {"features": {"choices": ["pixels", "network"]}}
BESIDE = (
    "gives a term a weight beside kind; leave kind and weight out, and give each term its weight"
)


def study(terms: dict[str, Any], **sections: Any) -> Study:
    given = {"name": "a", "data": "digits", "regularizer": terms, **sections}
    Draft202012Validator(json_schema()).validate(given)
    return check_study(given)


def regularizer(**keys: Any) -> Regularizer:
    return Regularizer.model_validate(keys)


def searched(of: Study) -> list[str]:
    return [parameter.path for parameter in of.parameters]


def test_each_term_has_a_weight_fixed_or_searched() -> None:
    both = study({"importance": 0.2, "similarity": RANGE})
    assert searched(both) == ["regularizer.similarity"]
    joined = both.configuration({"regularizer.similarity": 0.26}).regularizer
    assert joined.weights == {"importance": 0.2, "similarity": 0.26}
    assert joined.kind == "none"


@pytest.mark.parametrize("name", tuple(TERMS))
def test_every_term_can_be_searched(name: str) -> None:
    gate = next(gate for gate in GATES if TERMS[name].fits(GATES[gate]))
    model = {"gate": gate, "output": "top_k" if TERMS[name].routed else "mixture"}
    (parameter,) = study({name: RANGE}, model=model).parameters
    assert parameter.path == f"regularizer.{name}"
    assert parameter.is_active({})


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({}, {"kind": "none", "weight": 3.0}),
        ({"importance": 0.2}, {"kind": "importance"}),
        ({"importance": 0.7}, {"kind": "importance", "weight": 0.7}),
        ({"similarity": 0.7}, {"kind": "similarity", "weight": 0.7, "similarity_weight": 9.0}),
        (
            {"importance": 0.3, "similarity": 0.7},
            {"kind": "both", "weight": 0.3, "similarity_weight": 0.7},
        ),
    ],
)
def test_kind_and_weight_mean_the_same(given: dict[str, Any], same: dict[str, Any]) -> None:
    assert regularizer(**given).weights == regularizer(**same).weights
    assert (
        study(given).configuration({}).regularizer.weights
        == study(same).configuration({}).regularizer.weights
    )


def test_zero_is_none() -> None:
    assert regularizer(importance=0, similarity=0.0).weights == {}
    assert study({"kind": "importance", "similarity": 0}).parameters == (), "beside kind, too"
    assert regularizer(kind="importance", weight=0).weights == {}


def test_what_is_said_of_distances_has_a_meaning_where_samples_are_compared() -> None:
    assert searched(study({"similarity": 0.2, **FORMS})) == ["regularizer.features"]
    assert searched(study({"importance": 0.2, **FORMS})) == []
    assert searched(study({"similarity": 0, **FORMS})) == []
    assert study({"similarity": 0.2, "features": "network"}).configuration({}).regularizer == (
        regularizer(similarity=0.2, features="network")
    )
    unused = study({"importance": 0.2, "features": "network"}).configuration({}).regularizer
    assert unused == regularizer(importance=0.2)
    assert not unused.needs_network
    assert regularizer(similarity=0.2, features="network").needs_network


def test_a_weight_that_may_be_zero_decides_in_each_trial() -> None:
    sometimes = study({"similarity": {"low": 0.0, "high": 1.0}, **FORMS})
    _, features = sometimes.parameters
    assert [features.is_active({"regularizer.similarity": weight}) for weight in (0.0, 0.5)] == [
        False,
        True,
    ]
    without = sometimes.configuration({"regularizer.similarity": 0.0})
    assert without.regularizer == regularizer()
    always = study({"similarity": RANGE, **FORMS}).parameters[1]
    assert always.when == ()


@pytest.mark.parametrize("gate", tuple(GATES))
def test_terms_have_a_meaning_for_gates_that_they_fit(gate: str) -> None:
    terms = dict.fromkeys(TERMS, RANGE)
    routed = GATES[gate].rule is None
    for output in ("mixture", "top_k", "stochastic"):
        sent = routed and output != "mixture"
        fitting = [
            name
            for name, term in TERMS.items()
            if term.fits(GATES[gate]) and (sent or not term.routed)
        ]
        paths = [f"regularizer.{name}" for name in fitting]
        assert searched(study(terms, model={"gate": gate, "output": output})) == paths
        assert any(not TERMS[name].of_experts for name in fitting) == GATES[gate].learns


def test_each_trial_has_the_terms_that_fit_it() -> None:
    terms = dict.fromkeys(TERMS, RANGE)
    model = {
        "gate": {"choices": ["original", "attentive", "loudest", "soft"]},
        "output": {"choices": ["mixture", "top_k"]},
        "dual_temperature": {"choices": [1.0, 2.0]},
    }
    mixed = study(terms, model=model)

    def active(**values: Any) -> set[str]:
        given: dict[str, Any] = {f"model.{name}": value for name, value in values.items()}
        for parameter in mixed.parameters:
            if parameter.path.startswith("regularizer.") and parameter.is_active(given):
                given[parameter.path] = 0.1
        joined = mixed.configuration(given).regularizer
        return {path.partition(".")[2] for path in given if path.startswith("regularizer.")} & set(
            joined.weights
        )

    every = {"importance", "similarity", "information", "decided", "experts_apart"}
    one = {"dual_temperature": 1.0, "output": "mixture"}
    assert active(gate="original", **one) == every | {"z", "orthogonality"}
    assert active(gate="attentive", **one) == every | {"z"}
    assert active(gate="attentive", **{**one, "output": "top_k"}) == every | {"z", "balance"}
    assert active(gate="attentive", **{**one, "dual_temperature": 2.0}) == every - {
        "experts_apart"
    } | {"z"}
    assert active(gate="loudest", output="top_k") == {"experts_apart"}
    assert active(gate="soft") == every


def test_a_bias_has_a_meaning_where_the_top_k_are_chosen() -> None:
    outputs = {"output": {"choices": ["mixture", "stochastic", "top_k"]}}
    _, bias = study({"bias_rate": RANGE}, model=outputs).parameters
    active = [bias.is_active({"model.output": name}) for name in outputs["output"]["choices"]]
    assert active == [False, False, True]
    for gate in ("loudest", "expert_loss", "soft"):
        assert searched(study({"bias_rate": RANGE}, model={"gate": gate, "output": "top_k"})) == []
    shares = {"choices": ["all", "kept"]}
    assert searched(study({"importance": 0.1, "shares": shares}, model={"output": "top_k"})) == [
        "regularizer.shares"
    ]
    assert searched(study({"importance": 0.1, "shares": shares})) == []
    beside = study({"kind": "importance", "bias_rate": 0.01}, model={"output": "top_k"})
    assert beside.configuration({}).regularizer.bias_rate == 0.01


def test_a_single_network_has_no_terms() -> None:
    single = study({"importance": 0.2}, model={"kind": "single"}).configuration({})
    assert single.regularizer == regularizer()


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "importance", "importance": 0.2},
        {"kind": "similarity", "importance": RANGE},
        {"kind": {"choices": ["none", "both"]}, "importance": 0.2},
    ],
)
def test_a_weight_beside_kind_is_refused_in_one_line(given: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        study(given)
    assert str(caught.value) == f"regularizer.importance: {BESIDE}"


ROW = "configurations.a.regularizer.similarity"


@pytest.mark.parametrize(
    ("own", "row", "refused"),
    [
        ({}, {"importance": 0.2, "similarity": 0.1}, None),
        ({"importance": 0.2}, {"importance": 0, "similarity": 0.1}, None),
        ({"kind": "importance"}, {"kind": "none", "similarity": 0.1}, None),
        ({"kind": "importance"}, {"similarity": 0.1}, ROW),
        ({"similarity": 0.1}, {"kind": "importance"}, ROW),
        ({}, {"kind": "both", "similarity": 0.1}, ROW),
    ],
)
def test_rows_of_a_comparison_have_terms(
    own: dict[str, Any], row: dict[str, Any], refused: str | None
) -> None:
    rows = {"a": {"regularizer": row}}
    if refused:
        with pytest.raises(UserError) as caught:
            study(own, configurations=rows)
        assert str(caught.value) == f"{refused}: {BESIDE}"
        return
    compared = study(own, configurations=rows)
    expected = {name: weight for name, weight in (own | row).items() if name in TERMS and weight}
    assert compared.configuration({"configuration": "a"}).regularizer.weights == expected


def test_a_weight_is_a_number_from_zero() -> None:
    for wrong, words in ((-1, "must be at least 0; got -1"), (True, "expected a number, a range")):
        with pytest.raises(UserError, match=rf"^regularizer\.importance: {words}"):
            check_study({"name": "a", "data": "digits", "regularizer": {"importance": wrong}})


def test_a_study_of_before_goes_on() -> None:
    """Its space names no terms; by default there are none."""
    now = study({"kind": "importance"})
    before = {path: value for path, value in now.space().items() if path[12:] not in TERMS}
    assert len(before) == len(now.space()) - len(TERMS)
    assert now.changes_since(before) == []
    assert study({"importance": 0.2}).changes_since(before) == [
        "regularizer.importance: was 0.0, is now 0.2",
        "regularizer.kind: was importance, is now none",
    ]
