"""What a search reads off a study: parameters, configurations, its space, its paths."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from moe_search.spec import (
    Configuration,
    FloatRange,
    IntRange,
    Model,
    Regularizer,
    Study,
    Training,
    Value,
    differences,
)
from moe_search.spec.conditions import conditions


def study(**sections: Any) -> Study:
    return Study(name="a", data="digits", **sections)


SEARCHED = study(
    model={
        "kind": {"choices": ["moe", "single"]},
        "experts": {"low": 2, "high": 16},
        "output": {"choices": ["mixture", "top_k"]},
        "top_k": {"choices": [1, 2]},
    },
    regularizer={
        "kind": {"choices": ["none", "importance"]},
        "weight": {"low": 0.01, "high": 3, "log": True},
    },
    training={"lr": 0.01},
)


def test_a_name_and_data_are_enough() -> None:
    plain = study()
    assert plain.parameters == ()
    assert plain.configuration({}) == Configuration()
    assert plain.objective.maximize == {
        "accuracy": 1.0,
        "sample_entropy": -0.1,
        "usage_entropy": 0.1,
    }
    assert plain.search.collapse is not None
    assert plain.pruner == "none"


@pytest.mark.parametrize("section", [Model, Regularizer, Training])
def test_every_hyperparameter_is_searchable(section: type[Model | Regularizer | Training]) -> None:
    for name, field in section.model_fields.items():
        given = {"choices": [field.default]}
        searched = study(**{section.__name__.lower(): {name: given}})
        assert getattr(getattr(searched, section.__name__.lower()), name).choices == (
            field.default,
        )
        if field.annotation in (int, float):
            ends = {"low": field.default, "high": field.default}
            searched = study(**{section.__name__.lower(): {name: ends}})
            domain = getattr(getattr(searched, section.__name__.lower()), name)
            assert isinstance(domain, IntRange | FloatRange)


def test_conditions_are_declared_before_what_depends_on_them() -> None:
    seen: set[str] = set()
    for section in (Model, Regularizer, Training):
        for name, field in section.model_fields.items():
            assert {part.path for one in conditions(field) for part in one.parts()} <= seen
            seen.add(f"{section.__name__.lower()}.{name}")


def test_parameters_come_in_order_with_open_conditions_only() -> None:
    assert [p.path for p in SEARCHED.parameters] == [
        "model.kind",
        "model.experts",
        "model.output",
        "model.top_k",
        "regularizer.kind",
        "regularizer.weight",
    ]
    by_path = {p.path: p for p in SEARCHED.parameters}
    assert [part.path for one in by_path["model.top_k"].when for part in one.parts()] == [
        "model.kind",
        "model.output",
    ]
    assert by_path["model.kind"].when == ()


@pytest.mark.parametrize(
    ("path", "values", "active"),
    [
        ("model.experts", {"model.kind": "moe"}, True),
        ("model.experts", {"model.kind": "single"}, False),
        ("model.top_k", {"model.kind": "moe", "model.output": "top_k"}, True),
        ("model.top_k", {"model.kind": "moe", "model.output": "mixture"}, False),
        ("regularizer.weight", {"model.kind": "moe", "regularizer.kind": "none"}, False),
        ("regularizer.weight", {"model.kind": "single"}, False),
    ],
)
def test_a_parameter_without_meaning_is_not_active(
    path: str, values: dict[str, str], active: bool
) -> None:
    (parameter,) = (p for p in SEARCHED.parameters if p.path == path)
    assert parameter.is_active(values) is active


def test_what_fixed_values_rule_out_is_not_searched() -> None:
    weight = {"weight": {"low": 0.1, "high": 1.0}}
    assert study(regularizer={"kind": "none", **weight}).parameters == ()
    (parameter,) = study(regularizer={"kind": "importance", **weight}).parameters
    assert parameter.is_active({})


def test_a_soft_gate_has_slots_and_a_temperature_but_no_output_rule() -> None:
    ranges = {"slots": {"low": 1, "high": 4}, "temperature": {"low": 0.1, "high": 1.0}}
    rules = {"output": {"choices": ["mixture", "stochastic"]}, "dual_temperature": ranges["slots"]}
    weight = {"kind": "importance", "weight": {"low": 0.1, "high": 1.0}}
    soft = study(model={"gate": "soft", **ranges, **rules}, regularizer=weight)
    searched = ["model.slots", "model.temperature", "regularizer.weight"]
    assert [p.path for p in soft.parameters] == searched
    original = study(model={"gate": "original", **ranges, **rules})
    assert "model.slots" not in [p.path for p in original.parameters]


def test_the_forms_of_similarity_are_searched_where_it_acts() -> None:
    forms = {
        "features": {"choices": ["pixels", "network"]},
        "distance": {"choices": ["euclidean", "squared"]},
        "scale": {"choices": ["mean", "authors"]},
    }
    assert study(regularizer={"kind": "importance", **forms}).parameters == ()
    for kind in ("similarity", "both"):
        assert len(study(regularizer={"kind": kind, **forms}).parameters) == 3
    kinds = {"choices": ["none", "importance", "similarity", "both"]}
    _, *parameters = study(regularizer={"kind": kinds, **forms}).parameters
    for kind in kinds["choices"]:
        active = [p.is_active({"regularizer.kind": kind}) for p in parameters]
        assert active == [kind in ("similarity", "both")] * 3


GATED = study(
    model={
        "gate": {"choices": ["original", "loudest", "expert_loss"]},
        "gate_weights": {"choices": ["random", "zero"]},
        "temperature": {"low": 0.1, "high": 10},
        "output": {"choices": ["mixture", "top_k"]},
    },
    regularizer={"kind": {"choices": ["none", "importance"]}},
)


@pytest.mark.parametrize(
    ("gate", "meant"),
    [
        ("original", ["gate_weights", "temperature", "output", "kind"]),
        ("loudest", ["temperature", "output"]),
        ("expert_loss", ["gate_weights"]),
    ],
)
def test_a_gate_decides_what_else_has_a_meaning(gate: str, meant: list[str]) -> None:
    active = [p.path for p in GATED.parameters if p.is_active({"model.gate": gate})]
    assert [path.split(".")[1] for path in active] == ["gate", *meant]


def test_experts_per_sample_have_no_limit_where_no_trial_uses_them() -> None:
    study(model={"gate": "expert_loss", "output": "top_k", "top_k": 9, "experts": 2})


def test_a_configuration_joins_fixed_and_searched_values() -> None:
    configuration = SEARCHED.configuration(
        {
            "model.kind": "moe",
            "model.experts": 7,
            "model.output": "mixture",
            "regularizer.kind": "importance",
            "regularizer.weight": 0.5,
        }
    )
    assert configuration == Configuration(
        model=Model(experts=7),
        regularizer=Regularizer(kind="importance", weight=0.5),
        training=Training(lr=0.01),
    )


def test_configurations_that_train_alike_are_equal() -> None:
    single = SEARCHED.configuration({"model.kind": "single", "model.experts": 9})
    assert single == SEARCHED.configuration({"model.kind": "single"})
    assert single.model.experts == Model().experts


def test_a_lacking_value_is_not_made_up() -> None:
    with pytest.raises(KeyError, match=r"model\.experts"):
        study(model={"experts": {"low": 2, "high": 3}}).configuration({})


def test_pareto_needs_no_pruner() -> None:
    assert study(objective={"pareto": ["accuracy", "mutual_information"]}).pruner == "none"


@pytest.mark.parametrize(("given", "on"), [("off", False), (False, False), ("on", True)])
def test_collapse_is_a_switch_too(given: object, on: bool) -> None:
    assert (study(search={"collapse": given}).search.collapse is not None) is on


@pytest.mark.parametrize(
    ("given", "seconds"), [(90, 90), ("90m", 5400), ("8h", 28800), ("1.5 h", 5400), ("2d", 172800)]
)
def test_timeout_reads_units(given: object, seconds: float) -> None:
    assert study(search={"timeout": given}).search.timeout == seconds


def test_relative_paths_start_from_the_studys_folder(tmp_path: Path) -> None:
    given = {
        "name": "a",
        "data": {"name": "arrays", "path": "x.npz", "root": "/data"},
        "storage": {"mlflow": "http://localhost:5000", "optuna": "sqlite:///sub/a.db"},
    }
    placed = Study.model_validate(given, context={"folder": tmp_path})
    assert placed.data_path == tmp_path / "x.npz"
    assert placed.data_root == Path("/data")
    assert placed.optuna_url == f"sqlite:///{tmp_path}/sub/a.db"
    assert placed.mlflow_url == "http://localhost:5000"
    assert placed.artifacts_folder == tmp_path / "artifacts"
    absolute = study(storage={"optuna": "sqlite:////x/y.db"})
    assert absolute.optuna_url == "sqlite:////x/y.db"


def test_a_study_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SEARCHED.name = "b"  # type: ignore[misc]


def test_space_ignores_what_may_change() -> None:
    other = {"search": {"trials": 9, "workers": 2}, "description": "x", "finalists": {"top": 1}}
    here = study(model={"experts": {"low": 2, "high": 4}})
    moved = Study(
        name="b",
        data={"name": "digits", "root": "/elsewhere"},
        model={"experts": {"high": 4, "low": 2}},
        **other,
    )
    assert differences(here.space(), moved.space()) == []
    assert list(here.space()) == sorted(here.space())


def test_differences_speak_in_one_line_each() -> None:
    old = study(
        model={"experts": {"low": 2, "high": 16}, "temperature": {"low": 0.3, "high": 3}},
        training={"lr": {"low": 0.1, "high": 0.5, "step": 0.1}},
    )
    new = Study(
        name="a",
        data={"name": "digits", "validation": 200},
        model={
            "experts": {"low": 2, "high": 32},
            "gate": {"choices": ["original", "attentive"]},
            "temperature": {"low": 0.3, "high": 3, "log": True},
        },
        objective={"maximize": {"accuracy": 1}},
        search={"seed": 1},
    )
    assert differences(old.space(), new.space()) == [
        "data.validation: was auto, is now 200",
        "model.experts: was 2..16, is now 2..32",
        "model.gate: was original, is now original | attentive",
        "model.temperature: was 0.3..3.0, is now 0.3..3.0 log",
        "objective.maximize.sample_entropy: was -0.1, is now not set",
        "objective.maximize.usage_entropy: was 0.1, is now not set",
        "search.seed: was 0, is now 1",
        "training.lr: was 0.1..0.5 step 0.1, is now 0.001",
    ]


def test_a_study_goes_on_where_its_space_is_older_than_a_hyperparameter() -> None:
    given = {"objective": {"maximize": {"accuracy": 1}}, "search": {"seeds": 2}}
    begun = {k: v for k, v in study(**given).space().items() if k != "training.weight_decay"}
    assert study(**given).changes_since(begun) == []
    assert study(training={"weight_decay": 0.1}, **given).changes_since(begun) == [
        "training.weight_decay: was 0.0, is now 0.1"
    ]


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (IntRange(low=2, high=9, step=3), [2, 5, 8], [3, 11, 1, 2.0, True, "2"]),
        (FloatRange(low=0.1, high=0.5, step=0.1), [0.1, 0.3, 0.5], [0.25, 0.6, True, "0.1"]),
        (FloatRange(low=1.0, high=10.0, log=True), [1, 2.5, 10], [0.9, 11]),
    ],
)
def test_domains_know_their_values(
    domain: IntRange | FloatRange, inside: list[Any], outside: list[Any]
) -> None:
    assert all(domain.contains(value) for value in inside)
    assert not any(domain.contains(value) for value in outside)


def test_a_flag_is_searched_and_may_be_named_in_points() -> None:
    sections: dict[str, Any] = {
        "model": {"gate": {"choices": ["original", "attentive"]}},
        "training": {"distill": {"choices": [False, True]}},
    }
    point: dict[str, Value] = {"model.gate": "attentive", "training.distill": True}
    searched = study(**sections, search={"points": [point]})
    assert searched.configuration(point).training.distill is True
    (flag,) = (p for p in searched.parameters if p.path == "training.distill")
    assert not flag.is_active({"model.gate": "original"})
    with pytest.raises(ValidationError, match=r"1 is outside false \| true"):
        study(**sections, search={"points": [{"training.distill": 1}]})
