"""The commands as people know them: names, options, and how soon they answer."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.shipped_studies import SEARCHES, copy_studies

from moe_search.cli import main
from moe_search.spec import json_schema

TALK = ["--json", "--quiet", "--verbose"]

SURFACE = {
    "init": [*TALK, "--data", "--out"],
    "run": [*TALK, "--notify", "--set", "STUDY.yaml..."],
    "validate": [*TALK, "--estimate", "--set", "STUDY.yaml..."],
    "status": [*TALK, "--set", "STUDY.yaml"],
    "report": [*TALK, "--html", "--markdown", "--set", "STUDY.yaml..."],
    "doctor": [*TALK, "--set", "STUDY.yaml"],
    "dashboard": [
        *("--host", "--i-know-it-has-no-login", "--mlflow-port", "--optuna-port"),
        *("--quiet", "--set", "--verbose", "STUDY.yaml"),
    ],
    "pull": [*TALK, "--set", "--store", "--to", "--trial", "STUDY.yaml|MODEL_URI"],
    "distill": [*TALK, "--epochs", "--store", "MODEL_URI"],
    "predict": [*TALK, "--top1", "FILES...", "MODEL"],
    "explain": [*TALK, "--picture", "FILES...", "MODEL"],
    "schema": [],
    "data prepare": [*TALK, "NAME"],
}
"""Scripts rely on these; change them only on purpose."""


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped studies, where nothing was run."""
    return copy_studies(tmp_path_factory.mktemp("shipped") / "studies")


def surface(group: click.Group, before: str = "") -> dict[str, list[str]]:
    context = click.Context(group)
    found = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found.update(surface(command, f"{before}{name} "))
            continue
        options = [
            max(p.opts, key=len) if isinstance(p, click.Option) else p.make_metavar(context)
            for p in command.params
        ]
        found[before + name] = sorted(options)
    return found


def test_commands_and_options_are_the_known_ones() -> None:
    assert surface(main) == {name: sorted(options) for name, options in SURFACE.items()}


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "-h"], ["data", "-h"]])
def test_help_is_on_stdout(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    assert result.stderr == ""


def test_version_is_the_package_version() -> None:
    from importlib.metadata import version

    assert CliRunner().invoke(main, ["--version"]).stdout.strip() == version("moe-search")


def test_schema_is_the_shipped_one() -> None:
    printed = json.loads(CliRunner().invoke(main, ["schema"]).stdout)
    assert printed == json_schema()


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import moe_search", {"torch", "mlflow", "optuna", "pydantic", "rich", "click"}),
        ("import moe_search.cli", {"torch", "mlflow", "optuna", "pydantic", "rich"}),
        (
            "from moe_search.cli import main; main(sys.argv[1:], standalone_mode=False)",
            {"torch", "mlflow", "optuna", "sqlalchemy", "pandas"},
        ),
    ],
)
def test_nothing_heavy_is_imported(code: str, heavy: set[str], studies: Path) -> None:
    script = f"import sys; {code}; print('loaded:', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, "validate", str(studies / "mnist.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not heavy & set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("name", [path.name for path in SEARCHES])
def test_validate_says_what_a_shipped_study_searches(name: str, studies: Path) -> None:
    before = sorted(studies.iterdir())
    result = CliRunner().invoke(main, ["validate", str(studies / name), "--set", "search.trials=7"])
    assert result.exit_code == 0, result.output
    assert "trials         7, sampler auto" in result.stdout
    assert "model.experts" in result.stdout
    assert sorted(studies.iterdir()) == before


def test_validate_says_when_a_parameter_has_a_meaning(studies: Path) -> None:
    result = CliRunner().invoke(main, ["validate", str(studies / "mnist.yaml")])
    (line,) = [line for line in result.stdout.splitlines() if "regularizer.weight" in line]
    assert "0.01 to 3, log" in line
    assert "regularizer.kind is importance or similarity" in line


def test_validate_as_json_says_the_same(studies: Path) -> None:
    arguments = ["validate", str(studies / "mnist.yaml"), "--json", "--set", "search.trials=7"]
    found = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert (found["study"], found["trials"], found["sampler"]) == ("mnist", 7, "auto")
    assert found["objective"]["maximize"]["accuracy"] == 1
    assert found["finalists"] == {"top": 3, "seeds": 5, "race": True}
    assert found["stores"]["optuna"].endswith("studies/mnist.db")
    assert found["searched"]["regularizer.weight"] == {
        **{"low": 0.01, "high": 3.0, "step": None, "log": True},
        "when": {"regularizer.kind": ["importance", "similarity"]},
    }
    compared = CliRunner().invoke(main, ["validate", str(studies / "paper/failure.yaml"), "--json"])
    rows = json.loads(compared.stdout)["compared"]
    assert rows["original M=2"] == {"model": {"experts": 2}}


def test_data_prepare_says_where_and_what() -> None:
    as_json = CliRunner().invoke(main, ["data", "prepare", "digits", "--json"])
    assert json.loads(as_json.stdout) == {
        **{"name": "digits", "folder": None, "training": 1438, "test": 359, "shape": [1, 8, 8]},
        "classes": [str(digit) for digit in range(10)],
    }
    result = CliRunner().invoke(main, ["data", "prepare", "digits"])
    assert result.stdout == (
        "digits: 1438 training and 359 test samples of 1 x 8 x 8, 10 classes; "
        "comes with scikit-learn\n"
    )


def test_data_prepare_of_an_unknown_name_is_the_users_mistake() -> None:
    result = CliRunner().invoke(main, ["data", "prepare", "minst"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("moe-search: data minst: ")
    assert result.stderr.count("\n") == 1
