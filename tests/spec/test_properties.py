"""Whatever is valid survives a round trip; whatever is not is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.drawn_studies import PATHS, STUDY, TREE
from support.shipped_studies import SEARCHES

from moe_search.errors import UserError
from moe_search.spec import (
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
from moe_search.spec.file.document import as_yaml

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


VALIDATOR = Draft202012Validator(json_schema())


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


@QUICK
@given(st.sampled_from(sorted(PATHS)), TREE)
def test_any_value_anywhere_gives_a_study_or_one_line(path: str, value: object) -> None:
    message = refusal(SEARCHES[0], f"{path}={as_yaml(value)}")
    assert message is None or message.isprintable()
