"""A member of an open set costs one file and one row, and then a study runs with it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from support.toy_members import PACKAGE, TOYS, Toy, add, install

pytestmark = pytest.mark.slow

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
        outcome: what the run said.
        parameters: of its trials' runs in MLflow.
    """

    outcome: dict[str, Any]
    parameters: list[dict[str, str]]


def said(folder: Path, path: Path, *arguments: str) -> dict[str, Any]:
    """What a command answers where imports are looked for in a folder first."""
    done = subprocess.run(
        [sys.executable, "-c", "from moe_search.cli import main; main()", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{PACKAGE.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ran(folder: Path, path: Path, toys: Iterable[Toy]) -> Ran:
    """A study that uses all of some toys at once."""
    study: dict[str, Any] = {"name": "toys", **BEGIN}
    for toy in toys:
        for section, keys in toy.study.items():
            study[section] = {**study.get(section, {}), **keys}
    (folder / "study.yaml").write_text(json.dumps(study))
    outcome = said(folder, path, "run", "study.yaml")
    client = MlflowClient(tracking_uri=outcome["stores"]["mlflow"])
    experiment = client.get_experiment_by_name("toys")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.`moe_search.kind` = 'trial'")
    return Ran(outcome, [run.data.params for run in runs])


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """With every toy in a copy of the package."""
    folder = tmp_path_factory.mktemp("copied")
    add(list(TOYS.values()), folder / "site-packages")
    return ran(folder, folder / "site-packages", TOYS.values())


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """With the toys that a package of others may declare."""
    folder = tmp_path_factory.mktemp("installed")
    toys = install(folder / "site-packages")
    return ran(folder, folder / "site-packages", toys)


@pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
def test_it_costs_one_file_and_one_row(toy: Toy) -> None:
    """A metric costs two rows: its own, and its formula."""
    assert (toy.file is None) == (toy.formula is not None)
    assert toy.row.text.count("\n") == 1


@pytest.mark.parametrize("way", ["copied", "installed"])
def test_a_study_uses_every_member_at_once(way: str, request: pytest.FixtureRequest) -> None:
    run: Ran = request.getfixturevalue(way)
    assert run.outcome["counts"]["complete"] == 2
    assert run.outcome["champion"] == "models:/toys@champion"
    assert len(run.parameters) == 2
    for parameters in run.parameters:
        assert parameters["model.gate"] == "toy"
        assert parameters["regularizer.toy"] == "0.5"
        assert parameters["regularizer.importance"] == "0.1"


def test_what_only_the_package_can_hold_is_used(copied: Ran) -> None:
    assert all(parameters["model.output"] == "toy" for parameters in copied.parameters)
    best = copied.outcome["best"][0]
    assert best["metrics"]["toy"] == best["metrics"]["accuracy"] / 2
    assert [*best["values"].values()] == [best["metrics"]["toy"]]
