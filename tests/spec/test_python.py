"""A study that a program gives is checked as its YAML would be, numpy's numbers included."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.drawn_studies import PATHS, STUDY, TREE

from moe_search.errors import UserError
from moe_search.spec import Study, check_study, load_study
from moe_search.spec.file.document import as_yaml

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
START = {"name": "a", "data": "digits"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the current folder, from which paths in content start, too."""
    monkeypatch.chdir(tmp_path)
    return Path("study.yaml")


def refusal(content: Any) -> str:
    with pytest.raises(UserError) as caught:
        check_study(content)
    message = str(caught.value)
    assert message.isprintable()
    return message


def answer(check: Any, *arguments: Any) -> Study | str:
    """The study, or why there is none, without the place in a file."""
    try:
        return check(*arguments)  # type: ignore[no-any-return]
    except UserError as error:
        return str(error)


def without_place(said: Study | str, file: Path) -> Study | str:
    """What is said of a file, without where in it."""
    if isinstance(said, Study) or not said.startswith(f"{file}:"):
        return said
    return said.removeprefix(f"{file}:").partition(": ")[2]


@QUICK
@given(STUDY)
def test_content_means_what_its_yaml_does(file: Path, content: dict[str, Any]) -> None:
    file.write_text(as_yaml(content))
    assert check_study(content) == load_study(file)


@QUICK
@given(st.sampled_from(sorted(PATHS)), TREE)
def test_content_is_refused_as_its_yaml_is(file: Path, path: str, value: object) -> None:
    assume(".nan" not in as_yaml(value))  # which YAML here reads as text
    content: dict[str, Any] = {"name": "a", "data": {"name": "digits"}}
    *sections, key = path.split(".")
    inner = content
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[key] = value
    file.write_text(as_yaml(content), errors="surrogatepass")
    assert answer(check_study, content) == without_place(answer(load_study, file), file)


def test_numbers_and_text_may_be_numpys() -> None:
    study = check_study(
        {
            "name": np.str_("a"),
            "data": {"name": "digits", "validation": np.float32(0.25)},
            "model": {
                "experts": {"low": np.int64(2), "high": np.uint8(4)},
                "temperature": {"choices": np.array([0.5, 1.0])},
                "gate": {"choices": ("original", "attentive")},
            },
            "training": {"epochs": np.int32(3), "freeze_experts": np.True_},
            "search": {"points": [{"model.experts": np.int8(2)}]},
        }
    )
    plain = check_study(
        {
            "name": "a",
            "data": {"name": "digits", "validation": 0.25},
            "model": {
                "experts": {"low": 2, "high": 4},
                "temperature": {"choices": [0.5, 1.0]},
                "gate": {"choices": ["original", "attentive"]},
            },
            "training": {"epochs": 3, "freeze_experts": True},
            "search": {"points": [{"model.experts": 2}]},
        }
    )
    assert study == plain
    assert study.model_dump_json() == plain.model_dump_json()


def test_paths_may_be_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = check_study(
        {
            "name": "a",
            "data": {"name": "arrays", "path": Path("x.npz")},
            "storage": {"artifacts": Path("found")},
        }
    )
    assert study.data_path == tmp_path / "x.npz"
    assert study.artifacts_folder == tmp_path / "found"
    assert study.folder == tmp_path


LOOP: dict[str, Any] = {}
LOOP["model"] = LOOP

WRONG: dict[str, tuple[Any, str]] = {
    "numpy": (
        {"model": {"experts": np.float64(2.5)}},
        "model.experts: expected a whole number, a range {low, high} or choices "
        "{choices: [...]}; got 2.5",
    ),
    "bool": (
        {"training": {"epochs": np.True_}},
        "training.epochs: expected a whole number, a range {low, high} or choices "
        "{choices: [...]}; got true",
    ),
    "object": (
        {"model": {"experts": {2, 3}}},
        "model.experts: expected numbers, text, lists and mappings; got set",
    ),
    "bytes": ({"name": b"a"}, "name: expected numbers, text, lists and mappings; got bytes"),
    "date": (
        {"description": np.datetime64("2026-01-01")},
        "description: expected numbers, text, lists and mappings; got date",
    ),
    "key": ({"model": {5: 1}}, "model.5: a key must be text; got 5"),
    "loop": (LOOP, "study: is too large; at most 10000 values and 32 levels, aliases counted in"),
    "wide": ({"x": range(20_000)}, "study: is too large; "),
    "first": (
        {"training": {"lr": "x", "epohcs": 3}, "model": {"experts": "y"}},
        "training.lr: expected a number, a range {low, high} or choices {choices: [...]}; got 'x' "
        "(and 2 more)",
    ),
}


@pytest.mark.parametrize(("sections", "start"), WRONG.values(), ids=WRONG)
def test_a_mistake_names_the_key_and_no_file(sections: Any, start: str) -> None:
    assert refusal(START | sections).startswith(start)


def test_overrides_come_after_content() -> None:
    content = START | {"training": {"epochs": 5}}
    study = check_study(content, ["training.epochs=7", "data.validation=0.5"])
    assert study.configuration({}).training.epochs == 7
    assert study.data.validation == 0.5
    assert content["training"] == {"epochs": 5}, "what the program gave is as it was"
    with pytest.raises(UserError, match=r"^--set training\.epochs: must be at least 1; got 0$"):
        check_study(content, ["training.epochs=0"])


def test_a_store_that_is_not_given_is_the_shells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTUNA_STORAGE", f"sqlite:///{tmp_path}/shell.db")
    assert check_study(START).optuna_url == f"sqlite:///{tmp_path}/shell.db"
    own = START | {"storage": {"optuna": "sqlite:///own.db"}}
    assert check_study(own).optuna_url == f"sqlite:///{Path.cwd()}/own.db"
