"""What a person gets wrong ends in one line on stderr, status 2, and nothing is created."""

import socket
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.finished_study import FinishedStudy

from moe_search.cli import main

LAUGHS = "name: x\ndata: digits\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)

STUDIES = {
    "an unknown key": ("name: x\ndata: digits\nserach: {}", "study.yaml:3: serach: ", "'search'"),
    "a wrong type": ("name: x\ndata: digits\ntraining: {epochs: many}", ":3: training.epochs", ""),
    "an empty range": (
        "name: x\ndata: digits\nmodel: {experts: {low: 9, high: 3}}",
        ":3: model.experts",
        "empty range",
    ),
    "a log range from 0": (
        "name: x\ndata: digits\nmodel: {experts: 2, temperature: {low: 0.0, high: 1.0, log: true}}",
        ":3: model.temperature",
        "above 0",
    ),
    "no experts": ("name: x\ndata: digits\nmodel: {experts: 0}", ":3: model.experts", "at least 1"),
    "too large a top_k": (
        "name: x\ndata: digits\nmodel: {experts: 2, output: top_k, top_k: 3}",
        ":3: model.top_k",
        "",
    ),
    "more experts than groups": (
        "name: x\ndata: digits\nmodel: {experts: {low: 2, high: 11}}\n"
        "training: {pretraining: {choices: [none, class_groups]}}",
        "training.class_groups: ",
        "makes 10 groups where model.experts may be 11",
    ),
    "class groups without a class": (
        "name: x\ndata: digits\nconfigurations: {one: {model: {experts: 2}, "
        "training: {pretraining: class_groups, class_groups: '0,1,2|3,4,5'}}}",
        "training.class_groups: ",
        "each of the classes 0 to 9 once",
    ),
    "class groups that are none": (
        "name: x\ndata: digits\ntraining: {pretraining: class_groups, class_groups: odd}",
        ":3: training.class_groups",
        "'0,7|1,9|2,4|3,8|5,6'",
    ),
    "an unknown data set": ("name: x\ndata: digit", ":2: data", "'digits'"),
    "malformed YAML": ("name: [x\ndata: digits", "study.yaml:", "not valid YAML"),
    "a large file": ("name: x\n" + "#" * 10_000_000, "study.yaml", "bytes"),
    "a billion laughs": (LAUGHS, "study.yaml:", "too large"),
    "a Python object": (
        "name: !!python/object/apply:os.system [ls]\ndata: digits",
        ":1: name",
        "tag",
    ),
}

COMMANDS = {
    "run": [],
    "validate": [],
    "status": [],
    "report": [],
    "doctor": [],
    "dashboard": [],
    "pull": ["--to", "model"],
}


def mistake(result: Result) -> str:
    """The one line that tells of it."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("moe-search: ")
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", STUDIES)
def test_a_wrong_study(folder: Path, what: str) -> None:
    text, where, instead = STUDIES[what]
    (folder / "study.yaml").write_text(text)
    said = mistake(CliRunner().invoke(main, ["run", "study.yaml"]))
    assert where in said
    assert instead in said
    assert [file.name for file in folder.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_wrong_study(folder: Path, command: str) -> None:
    (folder / "study.yaml").write_text("name: x\ndata: digit\n")
    result = CliRunner().invoke(main, [command, "study.yaml", *COMMANDS[command]])
    assert "'digit' is unknown" in mistake(result)
    assert [file.name for file in folder.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("command", ["status", "report", "doctor", "dashboard", "pull"])
def test_a_study_that_was_not_run_yet(folder: Path, command: str) -> None:
    (folder / "study.yaml").write_text("name: x\ndata: digits\n")
    result = CliRunner().invoke(main, [command, "study.yaml", *COMMANDS[command]])
    assert "has not been run yet" in mistake(result)
    assert [file.name for file in folder.iterdir()] == ["study.yaml"]


def test_an_override_that_is_none(folder: Path) -> None:
    (folder / "study.yaml").write_text("name: x\ndata: digits\n")
    result = CliRunner().invoke(main, ["validate", "study.yaml", "--set", "training.epoch=3"])
    assert "'epochs'" in mistake(result)


@pytest.mark.parametrize("damage", ["missing", "damaged", "label"])
def test_bad_data(folder: Path, damage: str) -> None:
    (folder / "study.yaml").write_text("name: x\ndata: {name: arrays, path: data.npz}\n")
    file = folder / "data.npz"
    if damage == "damaged":
        file.write_bytes(b"PK\x03\x04 no archive")
    if damage == "label":
        x, y = np.zeros((4, 3), np.float32), np.array([0, 1, 0, 1])
        np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y + 7)
    before = sorted(folder.iterdir())
    said = mistake(CliRunner().invoke(main, ["run", "study.yaml"]))
    assert "data.npz" in said
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("store", ["optuna", "mlflow"])
def test_a_store_that_cannot_be_opened(folder: Path, store: str) -> None:
    (folder / "study.yaml").write_text("name: x\ndata: digits\n")
    (folder / "notes.txt").write_text("no database")
    override = f"storage.{store}=sqlite:///notes.txt"
    said = mistake(CliRunner().invoke(main, ["run", "study.yaml", "--set", override]))
    assert "notes.txt" in said


def test_a_changed_space(finished_study: FinishedStudy) -> None:
    arguments = ["run", str(finished_study.file), "--set", "model.experts={low: 2, high: 5}"]
    said = mistake(CliRunner().invoke(main, arguments))
    assert "model.experts" in said
    assert "--set name=finished-2" in said


def test_a_port_in_use(finished_study: FinishedStudy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ["dashboard", str(finished_study.file), "--mlflow-port", port]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    (_, said) = result.stderr.splitlines()
    assert f"port {port} " in said
    assert "--mlflow-port" in said


def test_a_failure_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("moe_search.spec.json_schema", broken)
    result = CliRunner().invoke(main, ["schema"])
    assert isinstance(result.exception, RuntimeError)
