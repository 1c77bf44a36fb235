"""Studies begun and models logged by version 0.1.0 go on and open: see support/studies_before."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import optuna
import pytest
import torch
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from optuna.trial import FrozenTrial, TrialState
from support.studies_before import expected, unpack

import moe_search
from moe_search.cli import main

STUDIES = ("begun", "compared", "interrupted")


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A folder with the studies, whose name must be quoted in a URI."""
    return unpack(tmp_path / "the studies")


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, to be read only; all tests share it."""
    return unpack(tmp_path_factory.mktemp("before") / "the studies")


def said(*arguments: object) -> dict[str, Any]:
    """What a command that succeeds answers."""
    result = CliRunner().invoke(main, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def check_holds(now: object, earlier: object, where: str) -> None:
    """An answer says what an earlier one said; it may have more keys.

    Bounds of intervals are new: two seeds had such as left 0..1 for an error.
    """
    if where.endswith((".low", ".high")):
        return
    if isinstance(earlier, Mapping) and isinstance(now, Mapping):
        for key, value in earlier.items():
            assert key in now, f"{where}.{key}"
            check_holds(now[key], value, f"{where}.{key}")
    elif isinstance(earlier, list) and isinstance(now, list):
        assert len(now) == len(earlier), where
        for number, (new, old) in enumerate(zip(now, earlier, strict=True)):
            check_holds(new, old, f"{where}[{number}]")
    elif now is None and where.endswith((".low", ".high")):
        return  # of two seeds there is no interval any more
    elif isinstance(earlier, float):
        assert now == pytest.approx(earlier, rel=1e-6), where
    else:
        assert now == earlier, where


def load(folder: Path, name: str) -> optuna.Study:
    """A study as it stands in Optuna's store."""
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/optuna.db")


def facts(trials: list[FrozenTrial]) -> list[tuple[object, ...]]:
    """What must not change of trials that have ended."""
    return [
        (t.number, t.state, t.datetime_start, t.datetime_complete, t.params, t.values, t.user_attrs)
        for t in trials
    ]


def client(folder: Path) -> MlflowClient:
    """MLflow's store and registry."""
    url = f"sqlite:///{folder}/mlflow.db"
    return MlflowClient(tracking_uri=url, registry_uri=url)


def run_statuses(folder: Path, name: str) -> dict[str, str]:
    """How every run of a study in MLflow ended, by its id."""
    experiment = client(folder).get_experiment_by_name(name)
    assert experiment is not None
    runs = client(folder).search_runs([experiment.experiment_id])
    return {run.info.run_id: run.info.status for run in runs}


def champion_version(folder: Path) -> tuple[str, str]:
    """Which version of the registered model is the champion, and its run."""
    version = client(folder).get_model_version_by_alias("begun", "champion")
    return str(version.version), str(version.run_id)


def samples(folder: Path) -> npt.NDArray[np.float32]:
    """What the champion was asked [B, C, H, W]."""
    return np.array(expected(folder)["champion"]["samples"], np.float32)


def answers(folder: Path) -> npt.NDArray[np.float64]:
    """The class probabilities that it gave [B, C]."""
    return np.array(expected(folder)["champion"]["probabilities"])


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("command", ["status", "report"])
def test_a_command_says_what_it_said(unchanged: Path, command: str, name: str) -> None:
    answer = said(command, unchanged / f"{name}.yaml")
    check_holds(answer, expected(unchanged)[command][name], f"{command} {name}")


def test_a_page_is_drawn(unchanged: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said("report", *(unchanged / f"{name}.yaml" for name in STUDIES[:2]), "--html", page)
    assert page.stat().st_size > 100_000


def test_doctor_mends_what_was_left_as_it_did(before: Path) -> None:
    for name in STUDIES:
        answer = said("doctor", before / f"{name}.yaml")
        check_holds(answer, expected(before)["doctor"][name], f"doctor {name}")
    assert "RUNNING" not in run_statuses(before, "interrupted").values()


@pytest.mark.slow
def test_a_search_goes_on(before: Path) -> None:
    begun = load(before, "begun")
    trials, attributes = facts(begun.get_trials()), begun.user_attrs
    runs, version = run_statuses(before, "begun"), champion_version(before)
    changes = ("trials=5", "sampler=tpe", "pruner=hyperband", "race=off")
    options = (part for change in changes for part in ("--set", f"search.{change}"))
    outcome = said("run", before / "begun.yaml", *options)
    assert outcome["reason"] == "all trials are done"
    assert (outcome["counts"]["complete"], sum(outcome["counts"].values())) == (5, 5)
    *earlier, fifth = load(before, "begun").get_trials()
    assert facts(earlier) == trials
    recorded = expected(before)["fifth trial"]
    assert fifth.params == pytest.approx(recorded["parameters"])
    assert fifth.value == pytest.approx(recorded["value"], abs=0.05)  # other processors round
    after = load(before, "begun").user_attrs
    for kept in ("finalists", "champion"):
        check_holds(after[kept], attributes[kept], kept)
    check_holds(outcome["finalists"], expected(before)["status"]["begun"]["finalists"], "finalists")
    more = {fifth.user_attrs["mlflow_run"]: "FINISHED"}
    assert run_statuses(before, "begun") == runs | more  # none of the earlier ones is forgotten
    assert champion_version(before) == version


@pytest.mark.slow
def test_a_trial_that_was_killed_runs_again(before: Path) -> None:
    first, killed = load(before, "interrupted").get_trials()
    assert killed.state == TrialState.RUNNING
    outcome = said("run", before / "interrupted.yaml")
    assert (outcome["counts"]["complete"], outcome["counts"]["failed"]) == (2, 1)
    kept, failed, again = load(before, "interrupted").get_trials()
    assert facts([kept]) == facts([first])
    assert failed.state == TrialState.FAIL
    assert failed.params == killed.params
    assert again.state == TrialState.COMPLETE
    assert again.params == killed.params
    assert again.user_attrs["seed"] == killed.user_attrs["seed"]
    statuses = run_statuses(before, "interrupted")
    assert statuses[kept.user_attrs["mlflow_run"]] == "FINISHED"
    assert statuses[again.user_attrs["mlflow_run"]] == "FINISHED"
    assert sorted(statuses.values()) == ["FINISHED", "FINISHED", "FINISHED", "KILLED"]
    (half_written,) = expected(before)["doctor"]["interrupted"]["models"]
    assert client(before).get_logged_model(half_written).status == LoggedModelStatus.FAILED


@pytest.mark.slow
def test_a_comparison_goes_on(before: Path) -> None:
    trials = facts(load(before, "compared").get_trials())
    runs = run_statuses(before, "compared")
    more = ("--set", "search.seeds=2")
    assert said("run", before / "compared.yaml", *more)["counts"]["complete"] == 4
    assert facts(load(before, "compared").get_trials()[:2]) == trials
    after = run_statuses(before, "compared")
    assert (after | runs, len(after)) == (after, len(runs) + 2)  # the earlier ones and two more
    rows = said("report", before / "compared.yaml", *more)["rows"]
    for row, earlier in zip(rows, expected(before)["report"]["compared"]["rows"], strict=True):
        assert [run["seed"] for run in row["runs"]] == [0, 1]
        check_holds(row["runs"][:1], earlier["runs"], row["name"])


def test_the_champion_opens_as_a_torch_module(unchanged: Path) -> None:
    model = moe_search.load_model("models:/begun@champion", f"sqlite:///{unchanged}/mlflow.db")
    with torch.no_grad():
        output_BC = model(torch.from_numpy(samples(unchanged)))
    np.testing.assert_allclose(output_BC, answers(unchanged), rtol=0, atol=1e-6)


def test_the_champion_opens_as_mlflow_logged_it(
    unchanged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, f"sqlite:///{unchanged}/mlflow.db")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    model = mlflow.pyfunc.load_model("models:/begun@champion")
    assert model.loader_module == "moe_search.tracking.package"
    output_BC = model.predict(samples(unchanged))
    np.testing.assert_allclose(output_BC, answers(unchanged), rtol=0, atol=1e-6)


def test_every_model_opens(unchanged: Path) -> None:
    models = [
        mlflow.pyfunc.load_model(str(described.parent))
        for described in unchanged.glob("artifacts/mlflow/models/*/artifacts/MLmodel")
    ]
    assert len(models) == 9
    assert {model.loader_module for model in models} == {"moe_search.tracking.package"}
    for model in models:
        signature = model.metadata.signature
        shape, classes = signature.inputs.inputs[0].shape[1:], signature.outputs.inputs[0].shape[1]
        output_BC = model.predict(np.ones((2, *shape), np.float32))
        assert output_BC.shape == (2, classes)
        np.testing.assert_allclose(output_BC.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("trial", [None, 0])
def test_pull_brings_the_package_as_it_was(
    unchanged: Path, tmp_path: Path, trial: int | None
) -> None:
    chosen = () if trial is None else ("--trial", trial)
    answer = said("pull", unchanged / "begun.yaml", *chosen, "--to", tmp_path / "model")
    assert answer["trial"] == (3 if trial is None else trial)
    begun = load(unchanged, "begun")
    model_id = begun.user_attrs["champion"]["model_id"]
    if trial is not None:
        model_id = begun.get_trials()[trial].user_attrs["model"].removeprefix("models:/")
    package = unchanged / "artifacts/mlflow/models" / model_id / "artifacts/data/package"
    files = sorted((tmp_path / "model").iterdir())
    assert [file.name for file in files] == ["config.json", "model.safetensors"]
    for file in files:
        assert file.read_bytes() == (package / file.name).read_bytes()
