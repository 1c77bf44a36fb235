"""What somebody deleted in MLflow: told, restored where MLflow can, and made again by a run."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from support.finished_study import FinishedStudy

from moe_search.cli import main


class Deleting:
    """A copy of a finished study, and MLflow's client of its store."""

    def __init__(self, finished: FinishedStudy, folder: Path) -> None:
        # another process copies: closing a file of sqlite's would take its locks from this one
        copied = folder / "study"
        subprocess.run(["cp", "--recursive", finished.file.parent, copied], check=True)
        self.file, self.url = copied / "study.yaml", f"sqlite:///{copied / 'mlflow.db'}"
        self.client = MlflowClient(self.url, self.url)
        assert self("status").exit_code == 0
        assert self("doctor").exit_code == 0  # the copy's own files are its own now
        experiment = self.client.get_experiment_by_name("finished")
        assert experiment is not None
        self.experiment: str = experiment.experiment_id

    def __call__(self, command: str, *arguments: str) -> Result:
        return CliRunner().invoke(main, [command, str(self.file), *arguments])

    def runs(self, kind: str) -> list[Run]:
        return list(
            self.client.search_runs([self.experiment], f"tags.`moe_search.kind` = '{kind}'")
        )

    def restoring(self, what: str) -> str:
        return f"MLFLOW_TRACKING_URI={self.url} mlflow {what}"


def model_of(version: ModelVersion) -> str:
    """The id of its model, which its place tells."""
    return str(version.source).rpartition("/models/")[2].partition("/")[0]


@pytest.fixture
def study(finished_study: FinishedStudy, tmp_path: Path) -> Deleting:
    return Deleting(finished_study, tmp_path)


def test_a_champion_whose_version_was_deleted_is_registered_again(
    study: Deleting, tmp_path: Path
) -> None:
    champion = study.client.get_model_version_by_alias("finished", "champion")
    study.client.delete_model_version("finished", champion.version)
    to = ("--to", str(tmp_path / "champion"))
    lost = study("pull", *to)
    assert lost.exit_code == 2
    assert "there is no such model" in lost.stderr
    recorded = model_of(champion)
    assert f"champion is models:/{recorded}, which run registers again" in lost.stderr
    assert study("run", "--quiet").exit_code == 0
    again = study.client.get_model_version_by_alias("finished", "champion")
    assert (again.source, again.run_id) == (champion.source, champion.run_id)
    assert study("pull", *to).exit_code == 0


def test_where_the_whole_registered_model_was_deleted_it_is_made_again(study: Deleting) -> None:
    study.client.delete_registered_model("finished")
    assert study("run", "--quiet").exit_code == 0
    assert study.client.get_model_version_by_alias("finished", "champion")
    study.client.delete_registered_model_alias("finished", "champion")
    assert study("run", "--quiet").exit_code == 0
    assert study.client.get_model_version_by_alias("finished", "champion")
    (version,) = study.client.search_model_versions("name = 'finished'")
    study.client.set_model_version_tag("finished", version.version, "kept", "yes")
    assert study("run", "--quiet").exit_code == 0
    assert len(study.client.search_model_versions("name = 'finished'")) == 1


def test_where_the_model_itself_was_deleted_it_is_said(study: Deleting, tmp_path: Path) -> None:
    champion = study.client.get_model_version_by_alias("finished", "champion")
    model = model_of(champion)
    study.client.delete_logged_model(model)
    done = study("run")
    assert done.exit_code == 0
    assert f"the champion's model, {model}, was deleted in MLflow" in done.stderr
    lost = study("pull", "--to", str(tmp_path / "champion"))
    assert lost.exit_code == 2
    assert (
        lost.stderr == f"moe-search: models:/finished@champion: its model, {model}, was deleted\n"
    )


def test_children_of_a_deleted_run_follow_the_new_one(study: Deleting) -> None:
    (parent,) = study.runs("study")
    study.client.delete_run(parent.info.run_id)
    assert study("run", "--quiet").exit_code == 0
    (new,) = study.runs("study")
    children = [*study.runs("trial"), *study.runs("finalist")]
    assert len(children) == 14
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {new.info.run_id}
    study.client.restore_run(parent.info.run_id)
    assert study("run", "--quiet").exit_code == 0
    children = [*study.runs("trial"), *study.runs("finalist")]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {new.info.run_id}


def test_deleted_runs_are_told_with_what_restores_them(study: Deleting) -> None:
    deleted = {
        int(run.data.tags["moe_search.trial"]): run.info.run_id
        for run in study.runs("trial")
        if run.data.tags["moe_search.trial"] in ("3", "7")
    }
    finalist = study.runs("finalist")[0]
    tags = finalist.data.tags
    found_by = f"trial {tags['moe_search.trial']} seed {tags['moe_search.seed']}"
    run_ids = [*deleted.values(), finalist.info.run_id]
    for run_id in run_ids:
        study.client.delete_run(run_id)
    for done in (study("doctor"), study("run")):
        assert done.exit_code == 0
        assert f"trials 3, 7 and finalist {found_by} complete, but deleted in MLflow" in done.output
        for run_id in run_ids:
            assert study.restoring(f"runs restore --run-id {run_id}") in done.output
        assert "nothing mends" not in done.output
    told = json.loads(study("doctor", "--json").stdout)
    assert told["deleted_finalists"].keys() == {found_by}
    for run_id in run_ids:
        study.client.restore_run(run_id)
    assert study("doctor").stdout == "nothing to mend\n"


def test_a_deleted_experiment_is_told_with_what_restores_it(study: Deleting) -> None:
    study.client.delete_experiment(study.experiment)
    way_back = study.restoring(f"experiments restore -x {study.experiment}")
    seen = study("doctor")
    assert seen.stdout.splitlines()[1:] == [way_back]
    done = study("run")
    assert done.exit_code == 2
    assert f"experiment finished was deleted; restore it with '{way_back}'" in done.stderr
    assert "nothing mends" not in seen.output + done.output
    restored = subprocess.run(way_back, shell=True, capture_output=True, check=False)
    assert restored.returncode == 0, restored.stderr
    assert study("doctor").stdout == "nothing to mend\n"
