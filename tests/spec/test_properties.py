"""Whatever is valid survives a round trip; whatever is not is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.shipped_studies import SEARCHES

from moe_search.errors import UserError
from moe_search.spec import (
    METRICS,
    PRESETS,
    Choices,
    Configuration,
    Domain,
    FloatRange,
    IntRange,
    Study,
    Value,
    differences,
    json_schema,
    load_study,
)
from moe_search.spec.document import as_yaml
from moe_search.spec.kinds.gates import GATES

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def sections(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


def choices(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"choices": st.lists(values, min_size=1, max_size=4, unique=True)})


def ranges(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(numbers, numbers, st.booleans())
    return pairs.map(lambda p: {"low": min(p[:2]), "high": max(p[:2]), "log": p[2]})


def searched_number(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return numbers | ranges(numbers) | choices(numbers)


def searched_word(*words: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(words) | choices(st.sampled_from(words))


VALIDATOR = Draft202012Validator(json_schema())
POSITIVE = st.floats(1e-6, 1e3)
METRIC = st.sampled_from(sorted(METRICS))
STUDY = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
        | st.sampled_from(["08", "1e3", "null", "true", "0"]),
        "data": st.sampled_from(["digits", "mnist"])
        | st.fixed_dictionaries(
            {"name": st.just("arrays"), "path": st.just("x.npz")},
            optional={"validation": st.integers(1, 99) | st.floats(0.01, 0.99)},
        ),
    },
    optional={
        "description": st.text(st.characters(codec="utf-8")),
        "model": sections(
            kind=searched_word("moe", "single"),
            backbone=searched_word("auto", *PRESETS),
            experts=searched_number(st.integers(3, 20)),
            gate=searched_word(*GATES),
            gate_weights=searched_word("random", "zero"),
            perturbation=searched_number(POSITIVE),
            temperature=searched_number(POSITIVE),
            temperature_schedule=searched_word("constant", "quarters", "decay"),
            dual_temperature=searched_number(POSITIVE),
            output=searched_word("mixture", "stochastic", "top_k"),
            top_k=searched_number(st.integers(1, 3)),
        ),
        "regularizer": sections(
            kind=searched_word("none", "importance", "similarity", "both"),
            weight=searched_number(POSITIVE),
        ),
        "training": sections(
            epochs=st.integers(1, 9),
            lr=searched_number(POSITIVE),
            pretraining=searched_word("none", "peeking", "class_groups"),
            class_groups=searched_word("even", "superclasses", "0,1|2"),
            freeze_experts=st.booleans() | choices(st.booleans()),
            retrain_experts=searched_word("none", "same", "new"),
            distill=st.booleans() | choices(st.booleans()),
        ),
        "objective": st.dictionaries(METRIC, st.floats(-2, 2), min_size=1).map(
            lambda weights: {"maximize": weights}
        )
        | st.lists(METRIC, min_size=2, unique=True).map(lambda names: {"pareto": names}),
        "search": sections(
            trials=st.integers(1, 100),
            sampler=st.sampled_from(["tpe", "random"]),
            collapse=st.booleans() | st.just({"patience": 2}),
            timeout=st.sampled_from(["90m", 5, None]),
            workers=st.just("auto") | st.integers(1, 8),
        ),
    },
)


@QUICK
@given(STUDY)
def test_any_valid_study_round_trips(tmp_path: Path, given_study: dict[str, Any]) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(as_yaml(given_study))
    study = load_study(file)
    VALIDATOR.validate(given_study)
    everything = study.model_dump(mode="json")
    VALIDATOR.validate(everything)
    file.write_text(as_yaml(everything))
    assert load_study(file) == study
    assert differences(study.space(), load_study(file).space()) == []


def values_of(domain: Domain) -> st.SearchStrategy[Value]:
    match domain:
        case Choices(choices=choices):
            return st.sampled_from(choices)
        case IntRange(low=low, high=high):
            return st.integers(low, high)
        case FloatRange(low=low, high=high):
            return st.floats(low, high)


@QUICK
@given(STUDY, st.data())
def test_active_parameters_are_all_a_configuration_needs(
    given_study: dict[str, Any], draw: st.DataObject
) -> None:
    study = Study.model_validate(given_study)
    values: dict[str, Value] = {}
    for parameter in study.parameters:
        if parameter.is_active(values):
            values[parameter.path] = draw.draw(values_of(parameter.domain))
            assert parameter.domain.contains(values[parameter.path])
    configuration = study.configuration(values)
    for path, value in values.items():
        section, name = path.split(".")
        assert getattr(getattr(configuration, section), name) == value
    assert Configuration.model_validate_json(configuration.model_dump_json()) == configuration


def refusal(file: Path, *overrides: str) -> str | None:
    """The message a study is refused with; None where it is valid."""
    try:
        load_study(file, overrides)
    except UserError as error:
        return str(error)
    return None


JUNK = st.text(max_size=4) | st.sampled_from(
    ["{", "]", ":", "-", "&a", "*a", "!!int", "#", "'", "\t", "\n", "0", "-1", "1e999", "~", "[]"]
)


@pytest.mark.parametrize("shipped", SEARCHES, ids=lambda path: path.stem)
@QUICK
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 12), JUNK), min_size=1, max_size=3))
def test_mutations_give_a_study_or_one_line(
    tmp_path: Path, shipped: Path, cuts: list[tuple[int, int, str]]
) -> None:
    text = shipped.read_text()
    for start, length, junk in cuts:
        at = start % (len(text) + 1)
        text = text[:at] + junk + text[at + length :]
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    message = refusal(file)
    assert message is None or (message.isprintable() and message.startswith(f"{file}:"))


KEYS = st.sampled_from(["model", "experts", "low", "data", "name", "<range>", "[key]", "choices"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KEYS
TREE = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=8
)
PATHS = {
    *("name", "data", "data.validation", "model", "model.experts", "model.experts.low"),
    *("model.gate", "model.backbone", "objective", "objective.maximize", "objective.constraints"),
    *("search.points", "search.collapse", "search.timeout", "storage", "storage.optuna"),
}


@QUICK
@given(st.sampled_from(sorted(PATHS)), TREE)
def test_any_value_anywhere_gives_a_study_or_one_line(path: str, value: object) -> None:
    message = refusal(SEARCHES[0], f"{path}={as_yaml(value)}")
    assert message is None or message.isprintable()
