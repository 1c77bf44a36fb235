"""A gate and a term of another package: validated, trained, logged, opened again, and refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from support import distance_package

pytestmark = pytest.mark.slow

STUDY: dict[str, Any] = {
    "name": "distances",
    "data": "digits",
    "model": {"gate": {"choices": ["distance", "original"]}, "experts": 3},
    "regularizer": {"uncertainty": {"low": 0.1, "high": 1.0}, "importance": 0.1},
    "training": {"epochs": 1},
    "search": {
        **{"trials": 2, "workers": 1, "pruner": "none"},
        "points": [
            {"model.gate": gate, "regularizer.uncertainty": 0.3}
            for gate in ("original", "distance")
        ],
    },
    "finalists": {"top": 0},
}
OPEN = "import sys, torch, moe_search\nmodel = moe_search.load_model(sys.argv[1], sys.argv[2])\n"
PREDICT = "print(model(torch.zeros(2, 1, 8, 8)).shape, model.gate(torch.zeros(2, 1, 8, 8)).shape)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package."""
    folder = tmp_path_factory.mktemp("site-packages")
    distance_package.install(folder)
    return folder


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, empty_stores: Path) -> Path:
    """A folder of a study."""
    return shutil.copytree(empty_stores, tmp_path_factory.mktemp("studies") / "distances")


def run(folder: Path, site: Path | None, *command: str) -> CompletedProcess[str]:
    """A command, with the package or without."""
    environment = distance_package.environment(site) if site else None
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture(scope="module")
def best(stores: Path, site: Path, command: str) -> dict[str, str]:
    """URIs of both trials' models by their gates, and of their store, after a run of the study."""
    (stores / "study.yaml").write_text(json.dumps(STUDY))
    done = run(stores, site, command, "run", "study.yaml", "--json")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["counts"]["complete"] == 2
    assert {trial["parameters"]["regularizer.uncertainty"] for trial in outcome["best"]} == {0.3}
    models = {trial["parameters"]["model.gate"]: trial["model"] for trial in outcome["best"]}
    return models | {"store": outcome["stores"]["mlflow"]}


def test_the_contracts_hold(site: Path) -> None:
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_distances.py")
    done = run(site, site, sys.executable, *tests)
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


@pytest.mark.parametrize("gate", ["distance", "original"])
def test_a_model_that_a_study_logged_opens(
    stores: Path, site: Path, best: dict[str, str], gate: str
) -> None:
    opened = run(stores, site, sys.executable, "-c", OPEN + PREDICT, best[gate], best["store"])
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout == "torch.Size([2, 10]) torch.Size([2, 3])\n"


def test_a_model_needs_its_gate_and_no_term_without_the_package(
    stores: Path, best: dict[str, str]
) -> None:
    opened = run(stores, None, sys.executable, "-c", OPEN, best["original"], best["store"])
    assert opened.returncode == 0, opened.stderr
    refused = run(stores, None, sys.executable, "-c", OPEN, best["distance"], best["store"])
    why = "architecture.gate: 'distance' is unknown; no package installs it in moe_search.gates"
    assert why in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize("given", [{"gate": "distance"}, {"gate": "nobodys"}])
def test_a_study_of_a_gate_that_is_not_installed_is_refused(
    tmp_path: Path, command: str, given: dict[str, str]
) -> None:
    (tmp_path / "study.yaml").write_text(json.dumps({**STUDY, "model": given, "regularizer": {}}))
    done = run(tmp_path, None, command, "run", "study.yaml")
    assert done.returncode == 2
    assert "is unknown" in done.stderr.splitlines()[-1]


def test_a_gate_that_nothing_makes_ends_the_run_with_a_traceback(
    stores: Path, site: Path, command: str
) -> None:
    changes = {"name": "nobodys", "model": {"gate": "nobodys"}, "regularizer": {}, "search": {}}
    (stores / "nobodys.yaml").write_text(json.dumps({**STUDY, **changes}))
    done = run(stores, site, command, "run", "nobodys.yaml")
    assert done.returncode == 1
    why = "distances.members:Nothing cannot be loaded"
    assert done.stderr.count("Traceback") >= 2, "the worker's, and the coordinator's"
    assert why in done.stderr.splitlines()[-1]
