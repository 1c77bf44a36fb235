"""A member of an open set costs one file and one row, and then a study runs with it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from support.toy_members import PACKAGE, TOYS, Toy, add, install

BEGIN: dict[str, dict[str, Any]] = {
    "data": {"name": "digits"},
    "model": {"experts": 2},
    "training": {"epochs": 1, "lr": {"low": 0.001, "high": 0.01}},
    "search": {"trials": 2, "workers": 1, "device": "cpu"},
    "finalists": {"top": 1, "seeds": 1},
}


@dataclass(frozen=True)
class Ran:
    """A study of two trials with some toys.

    Attributes:
        toys: by what they are.
        folder: of the study.
        outcome: what the run said.
        runs: of its trials in MLflow: parameters, and the names of figures and tables.
    """

    toys: Mapping[str, Toy]
    folder: Path
    outcome: dict[str, Any]
    runs: list[tuple[dict[str, str], list[str]]]


def printed(folder: Path, *arguments: str) -> str:
    """What a command prints where imports are looked for in ``site-packages`` first."""
    path = f"{folder / 'site-packages'}{os.pathsep}{PACKAGE.parent}"
    done = subprocess.run(
        [sys.executable, "-c", "from moe_search.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ran(folder: Path, toys: Mapping[str, Toy]) -> Ran:
    """A study that uses all of some toys at once."""
    study: dict[str, Any] = {"name": "toys", **BEGIN}
    for toy in toys.values():
        for section, keys in toy.study.items():
            study[section] = {**study.get(section, {}), **keys}
    (folder / "study.yaml").write_text(json.dumps(study))
    outcome = json.loads(printed(folder, "run", "study.yaml", "--json"))
    client = MlflowClient(tracking_uri=outcome["stores"]["mlflow"])
    experiment = client.get_experiment_by_name("toys")
    assert experiment is not None
    runs = [
        (run.data.params, [f.path for f in client.list_artifacts(run.info.run_id, "decomposition")])
        for run in client.search_runs(
            [experiment.experiment_id], "tags.`moe_search.kind` = 'trial'"
        )
    ]
    return Ran(toys, folder, outcome, runs)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """With every toy in a copy of the package."""
    folder = tmp_path_factory.mktemp("copied")
    add(list(TOYS.values()), folder / "site-packages")
    return ran(folder, TOYS)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """With the toys that a package of others may declare."""
    folder = tmp_path_factory.mktemp("installed")
    return ran(folder, install(folder / "site-packages"))


@pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
def test_it_costs_one_file_and_one_row(toy: Toy) -> None:
    """A metric's file is one that has all formulas; some rows need an import."""
    rows = [row for row in (toy.row, toy.beside) if row]
    assert all(row.text.count("\n") == 1 for row in rows)
    if toy.file is None:
        assert toy.beside is not None
    else:
        assert {row.file for row in rows} == {toy.row.file}


@pytest.mark.parametrize("way", ["copied", "installed"])
def test_a_study_uses_every_member_at_once(way: str, request: pytest.FixtureRequest) -> None:
    run: Ran = request.getfixturevalue(way)
    assert run.outcome["counts"]["complete"] == 2
    assert run.outcome["champion"] == "models:/toys@champion"
    used = {path.name.removeprefix("used-") for path in run.folder.glob("used-*")}
    assert used == run.toys.keys() - {"metric", "command"}
    assert len(run.runs) == 2
    for parameters, _ in run.runs:
        assert parameters["model.gate"] == "toy"
        assert parameters["regularizer.toy"] == "0.5"
        assert parameters["regularizer.importance"] == "0.1"


def test_what_a_member_gives_is_where_people_look(copied: Ran) -> None:
    best = copied.outcome["best"][0]
    assert best["metrics"]["toy"] == best["metrics"]["accuracy"] / 2
    assert [*best["values"].values()] == [best["metrics"]["toy"]]
    for parameters, files in copied.runs:
        assert parameters["model.output"] == "toy"
        assert "decomposition/toy.png" in files
    printed(copied.folder, "report", "study.yaml", "--html", "page.html")
    assert "A chart of toys." in (copied.folder / "page.html").read_text()


def test_a_command_is_one_of_the_program(copied: Ran) -> None:
    assert "Does nothing." in printed(copied.folder, "--help")
    printed(copied.folder, "toy")
    assert (copied.folder / "used-command").exists()
