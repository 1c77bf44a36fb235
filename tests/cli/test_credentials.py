"""No command tells the password of a store, wherever it was given and whatever fails."""

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moe_search.cli import main
from moe_search.errors import UserError

PASSWORD = "hunter2"
DATABASE = f"postgresql://ada:{PASSWORD}@127.0.0.1:9/moe"  # nothing listens at this port
TOLD = "postgresql://***@127.0.0.1:9/moe"

COMMANDS = {
    "run": ["--json"],
    "status": ["--json"],
    "report": ["--html", "report.html"],
    "doctor": [],
    "dashboard": [],
    "pull": ["--to", "model"],
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "study.yaml"
    file.write_text(f"name: x\ndata: digits\nstorage: {{optuna: '{DATABASE}'}}\n")
    return file


def output(result: Result, caplog: pytest.LogCaptureFixture) -> str:
    return result.output + caplog.text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_does_not_answer(
    study: Path, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = CliRunner().invoke(main, [command, str(study), *COMMANDS[command]])
    assert result.exit_code == 2
    assert TOLD in result.stderr
    assert result.stderr.count("\n") == 1
    assert PASSWORD not in output(result, caplog)
    assert [file.name for file in study.parent.iterdir()] == ["study.yaml"]


def test_nor_does_the_trace_of_a_mistake(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UserError(f"{DATABASE}: no") from ValueError(f"cannot open {DATABASE}")

    monkeypatch.setattr("moe_search.spec.load_study", broken)
    result = CliRunner().invoke(main, ["validate", str(study), "--verbose"])
    assert f"\nValueError: cannot open {TOLD}\n" in result.stderr
    assert PASSWORD not in result.output


@pytest.mark.parametrize("source", ["study", "--store", "MLFLOW_TRACKING_URI"])
def test_an_mlflow_store_that_does_not_answer(
    study: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    study.write_text("name: x\ndata: digits\n")
    arguments = {
        "study": ["run", str(study), "--set", f"storage.mlflow={DATABASE}"],
        "--store": ["pull", "models:/x@champion", "--to", "model", "--store", DATABASE],
        "MLFLOW_TRACKING_URI": ["pull", "models:/x@champion", "--to", "model"],
    }[source]
    environment = {"MLFLOW_TRACKING_URI": DATABASE} if source == "MLFLOW_TRACKING_URI" else {}
    result = CliRunner().invoke(main, arguments, env=environment)
    assert result.exit_code == 2
    assert f"{TOLD}: MLflow's store cannot be opened: " in result.stderr
    assert PASSWORD not in output(result, caplog)


def test_a_url_that_mlflow_would_take_apart_another_way(study: Path) -> None:
    for store in (f"postgresql://ada:{PASSWORD}@host:port/x", f"http://ada:{PASSWORD}@host"):
        result = CliRunner().invoke(
            main, ["pull", "models:/x@champion", "--to", "model", "--store", store]
        )
        assert result.exit_code == 2
        assert result.stderr.startswith(f"moe-search: {store.partition('ada')[0]}***@host")
        assert PASSWORD not in result.output


def test_what_a_study_will_do(study: Path) -> None:
    result = CliRunner().invoke(main, ["validate", str(study)])
    assert result.exit_code == 0
    assert TOLD in result.stdout
    assert PASSWORD not in result.output


def test_what_a_run_prints_and_its_json_has(study: Path) -> None:
    """Seen in the functions that make it, since a run to its end needs a database."""
    from moe_search.cli.run import _for_shell
    from moe_search.spec import load_study

    checked = load_study(study, [f"storage.mlflow={DATABASE}-mlflow"])
    told = checked.stores
    assert (told.optuna, told.mlflow) == (TOLD, f"{TOLD}-mlflow")
    assert PASSWORD not in json.dumps(vars(told))
    again = _for_shell([study], (f"storage={{optuna: '{DATABASE}', mlflow: '{DATABASE}-mlflow'}}",))
    assert again.count(TOLD) == 2
    assert PASSWORD not in again
