"""What is suggested, and what a grid has."""

import itertools
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_workers import Fails, decomposition
from support.study_runs import check_ledger, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.search.events import Started
from moe_search.search.samplers import make_sampler
from moe_search.search.study_store import untried
from moe_search.search.suggest import as_written, grid, suggest
from moe_search.spec import Study, Value

Sections = dict[str, dict[str, Any]]


def study_of(sections: Sections) -> Study:
    return Study.model_validate({"name": "space", "data": "digits", **sections})


def domain(numbers: list[float], step: float | None, log: bool) -> dict[str, Any]:
    low, high = sorted(numbers)
    if log:
        return {"low": low, "high": high, "log": True}
    return {"low": low, "high": high} | ({"step": step} if step else {})


def ends(low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=2, max_size=2)


whole = st.one_of(
    st.builds(domain, ends(1, 12), st.integers(1, 4), st.booleans()),
    st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True).map(
        lambda choices: {"choices": choices}
    ),
)
real = st.one_of(
    st.builds(
        domain,
        ends(1, 40).map(lambda found: [n / 10 for n in found]),
        st.sampled_from([None, 0.1, 0.25, 0.7]),
        st.booleans(),
    ),
    st.lists(st.sampled_from([0.1, 0.5, 1.0, 3.0]), min_size=1, unique=True).map(
        lambda choices: {"choices": choices}
    ),
)


def some_of(*names: str) -> st.SearchStrategy[dict[str, list[str]]]:
    found = st.lists(st.sampled_from(names), min_size=1, unique=True)
    return found.map(lambda choices: {"choices": choices})


studies = st.fixed_dictionaries(
    {
        "model": st.fixed_dictionaries(
            {"experts": whole, "temperature": real, "kind": some_of("moe", "single")},
            optional={"gate": some_of("original", "attentive")},
        ),
        "regularizer": st.fixed_dictionaries(
            {
                "kind": some_of("none", "importance", "similarity", "both"),
                "weight": real,
                "similarity_weight": st.one_of(real, st.just(0.5)),
            }
        ),
        "training": st.fixed_dictionaries({"lr": real}),
    }
)


def lies_in(domain: dict[str, Any], value: Value) -> bool:
    if "choices" in domain:
        return value in domain["choices"]
    assert not isinstance(value, str)
    steps = (value - domain["low"]) / domain["step"] if "step" in domain else 0
    return bool(domain["low"] <= value <= domain["high"] and abs(steps - round(steps)) < 1e-6)


def meaningful(searched: dict[str, dict[str, Any]], values: dict[str, Value]) -> set[str]:
    """What has a meaning beside the others, told again from the paper's terms."""
    kind = values.get("regularizer.kind")
    found = set(searched)
    if values["model.kind"] == "single":
        return {"model.kind", "training.lr"}
    if kind == "none":
        found.discard("regularizer.weight")
    if kind != "both":
        found.discard("regularizer.similarity_weight")
    return found


def searched_in(sections: Sections) -> dict[str, dict[str, Any]]:
    return {
        f"{section}.{name}": domain
        for section, fields in sections.items()
        for name, domain in fields.items()
        if isinstance(domain, dict)
    }


def check(sections: Sections, values: dict[str, Value]) -> None:
    study, searched = study_of(sections), searched_in(sections)
    possible = {parameter.path for parameter in study.parameters}
    assert set(values) == meaningful(searched, values) & possible
    for path, value in values.items():
        assert lies_in(searched[path], value), path
    study.configuration(values)


@pytest.mark.filterwarnings("error::UserWarning", "error::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("name", "examples", "asked"),
    [("random", 60, 4), ("qmc", 10, 5), ("tpe", 12, 13), ("cma-es", 10, 8), ("gp", 4, 13)],
)
def test_values_lie_in_their_domains_and_only_those_that_mean_something_are_suggested(
    name: str, examples: int, asked: int
) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=True)
    @given(sections=studies)
    def hold(sections: Sections) -> None:
        study = study_of(sections | {"search": {"sampler": name}})
        optuna_study = optuna.create_study(direction="maximize", sampler=make_sampler(study, 0))
        for number in range(asked):
            trial = optuna_study.ask()
            values = suggest(trial, study)
            check(sections, values)
            assert as_written(study, trial.params) == values
            optuna_study.tell(trial, (number * 7) % 5)

    hold()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sections=studies)
def test_a_grid_has_each_configuration_once(sections: Sections) -> None:
    for domain in searched_in(sections).values():
        if "choices" not in domain and any(isinstance(end, float) for end in domain.values()):
            domain.pop("log", None)
            domain["step"] = 1.1
    study = study_of(sections | {"search": {"sampler": "grid"}})
    found = grid(study)
    for values in found:
        check(sections, values)
    configurations = [study.configuration(values).model_dump_json() for values in found]
    assert len(set(configurations)) == len(configurations)
    for chosen in itertools.product(*(options(p.domain.model_dump()) for p in study.parameters)):
        values = dict(zip((p.path for p in study.parameters), chosen, strict=True))
        assert study.configuration(values).model_dump_json() in configurations


def options(domain: dict[str, Any]) -> tuple[Value, ...]:
    """One end or the other of a domain."""
    return domain["choices"] if "choices" in domain else (domain["low"],)


GRID: Sections = {
    "model": {"experts": {"low": 2, "high": 5, "step": 2}},
    "regularizer": {
        "kind": {"choices": ["none", "importance"]},
        "weight": {"low": 0.0, "high": 0.3, "step": 0.1},
    },
}


def test_a_grid_in_numbers() -> None:
    study = study_of(GRID | {"search": {"sampler": "grid"}})
    plain: list[dict[str, Value]] = [{"regularizer.kind": "none"}]
    weighted: list[dict[str, Value]] = [
        {"regularizer.kind": "importance", "regularizer.weight": weight}
        for weight in (0.0, 0.1, 0.2, 0.3)  # exactly, as one writes them
    ]
    assert grid(study) == [
        {"model.experts": experts} | rest for experts in (2, 4) for rest in plain + weighted
    ]


def test_a_grid_without_end_is_refused() -> None:
    section = {"lr": {"low": 0.0001, "high": 0.2, "step": 0.000001}}
    study = study_of({"training": section, "search": {"sampler": "grid"}})
    with pytest.raises(UserError, match=r"search\.sampler: grid over more than 100,000 config"):
        grid(study)


def accuracy(spec: TrialSpec, epoch: int) -> Decomposition:
    configuration = spec.configuration
    experts = configuration.model.experts
    return decomposition(experts, 0.9 - 0.01 * experts - configuration.regularizer.weight / 10)


def tried(study: Study) -> list[dict[str, Value]]:
    return [trial.params for trial in trials(study)]


def by_values(found: list[dict[str, Value]]) -> list[list[tuple[str, Value]]]:
    return sorted(sorted(values.items()) for values in found)


def test_points_that_others_hold_are_tried_once() -> None:
    optuna_study = optuna.create_study()
    optuna_study.enqueue_trial({"a": 1, "b": 1})
    points = [{"a": 1}, {"a": 2}, {"a": 2, "b": 3}, {"a": 3, "b": 1}, {"a": 3}, {"a": 2}]
    found = list(untried(optuna_study, points, dict))
    assert found == [{"a": 2}, {"a": 2, "b": 3}, {"a": 3, "b": 1}]


@pytest.mark.filterwarnings("error:Fixed parameter:UserWarning")
def test_a_grid_is_searched_once_through(study_folder: Path) -> None:
    point = {"model.experts": 4, "regularizer.kind": "none"}
    search = {"sampler": "grid", "points": [point]}
    begun = study_in(study_folder, **GRID, search=search | {"trials": 4})
    run(begun, accuracy)
    assert tried(begun)[0] == point
    assert len(tried(begun)) == 4
    whole = study_in(study_folder, **GRID, search=search | {"trials": 100})
    (started,) = [one for one in run(whole, accuracy).told if isinstance(one, Started)]
    assert started.wanted == 10
    assert by_values(tried(whole)) == by_values(grid(whole))
    assert {trial.user_attrs["seed"] for trial in trials(whole)} == {0}
    assert run(whole, accuracy).ended.reason == "all trials are done"
    assert len(tried(whole)) == 10
    check_ledger(whole)


def test_a_grid_goes_on_without_what_fails_and_a_rerun_tries_that_again(
    study_folder: Path,
) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.configuration.model.experts == 3:
            raise Fails("three is too many")
        return accuracy(spec, epoch)

    sections = {"model": {"experts": {"low": 2, "high": 5}}}
    study = study_in(study_folder, **sections, search={"sampler": "grid", "trials": 50})
    assert run(study, fails).ended.reason == "all trials are done"
    assert [values["model.experts"] for values in tried(study)] == [2, 3, 4, 5]
    run(study, accuracy)
    assert [values["model.experts"] for values in tried(study)] == [2, 3, 4, 5, 3]
    check_ledger(study)


def test_an_empty_space_is_one_trial(study_folder: Path) -> None:
    study = study_in(study_folder, model={"temperature": 1.0}, search={"trials": 50})
    for _ in range(2):
        assert run(study, accuracy).ended.reason == "all trials are done"
        assert tried(study) == [{}]
    check_ledger(study)


def test_points_come_first_and_once(study_folder: Path) -> None:
    points = [
        {"model.temperature": 0.5, "model.experts": 7},
        {"model.temperature": 1.5},
        {"model.temperature": 2.5, "model.experts": 3},
    ]

    def study(wanted: int) -> Study:
        sections = {"model": {"temperature": {"low": 0.3, "high": 3.0}, "experts": EXPERTS}}
        return study_in(study_folder, **sections, search={"trials": wanted, "points": points})

    run(study(1), accuracy)
    run(study(5), accuracy)
    run(study(7), accuracy)
    found = tried(study(7))
    assert len(found) == 7
    for values, point in zip(found, points, strict=False):
        assert point.items() <= values.items()
    temperatures = [values["model.temperature"] for values in found]
    assert len(set(temperatures)) == 7
    check_ledger(study(7))


EXPERTS = {"low": 2, "high": 8}


STEPPED = {"low": 0.1, "high": 0.5, "step": 0.1}


def test_a_stepped_value_is_what_one_writes() -> None:
    """Optuna's third candidate is 0.30000000000000004."""
    study = study_of({"model": {"temperature": STEPPED}})
    optuna_study = optuna.create_study()
    for written in (0.1, 0.2, 0.3, 0.4, 0.5):
        optuna_study.enqueue_trial({"model.temperature": 0.1 + round((written - 0.1) * 10) * 0.1})
        assert suggest(optuna_study.ask(), study) == {"model.temperature": written}


def test_a_point_and_a_value_of_a_stepped_range_are_one_configuration(study_folder: Path) -> None:
    """One by whose rounding they differ: the grid does not train it twice."""
    points = [{"model.temperature": 0.1 + 2 * 0.1}]
    search = {"sampler": "grid", "points": points, "trials": 9, "population": 1}
    study = study_in(study_folder, model={"experts": 2, "temperature": STEPPED}, search=search)
    run(study, lambda spec, epoch: decomposition(2, 0.6))
    found = [trial.user_attrs["configuration"] for trial in trials(study)]
    assert len(found) == len(set(found)) == 5
    again = study_in(
        study_folder,
        name="drawn",
        model={"experts": 2, "temperature": STEPPED},
        search={"points": [{"model.temperature": 0.3}, *points], "trials": 1},
    )
    run(again, lambda spec, epoch: decomposition(2, 0.6))
    assert len(trials(again)) == 1
