"""A study's folder that was moved or copied."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from support.finished_study import FinishedStudy
from support.tracked import tracker_of
from support.trained_models import CARD, train_model

from moe_search.cli import main
from moe_search.spec import Study, load_study
from moe_search.stores.moved import follow_move
from moe_search.tracking.fetch import load_model

FILES = "artifacts/mlflow"


def study_in(folder: Path) -> Study:
    return Study.model_validate({"name": "tiny", "data": "digits"}, context={"folder": folder})


@pytest.fixture
def home(tmp_path: Path, empty_store: Path) -> Path:
    """A study's folder with a registered model, and a space in its name."""
    folder = tmp_path / "my study"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    tracker = tracker_of(study_in(folder), CARD)
    logged = tracker.log_trial(0, [train_model(epochs=1)], [1.0])
    tracker.register_champion(logged.run_id, logged.model_id, "the best")
    return folder


def follow(folder: Path) -> Path | None:
    return follow_move(study_in(folder).mlflow_url, "tiny", folder / "artifacts" / "mlflow")


def places(study: Study) -> list[str]:
    """Where the store says that files lie: of runs, models and versions."""
    client = MlflowClient(tracking_uri=study.mlflow_url)
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    models = client.search_logged_models([experiment.experiment_id])
    versions = client.search_model_versions(f"name = '{study.name}'")
    return [
        experiment.artifact_location,
        *(run.info.artifact_uri for run in runs),
        *(model.artifact_location for model in models),
        *(version.source for version in versions),
    ]


def test_a_moved_folder_is_followed(home: Path) -> None:
    there = home.rename(home.with_name("elsewhere č"))
    assert follow(there) == home / "artifacts" / "mlflow"
    assert all(
        place.startswith((there / "artifacts").as_uri()) for place in places(study_in(there))
    )
    assert load_model("models:/tiny@champion", study_in(there).mlflow_url)
    assert follow(there) is None


def test_a_copy_does_not_write_into_the_place_it_was_copied_from(home: Path) -> None:
    copy = shutil.copytree(home, home.with_name("copy"))
    before = sorted(home.rglob("*"))
    assert follow(copy) == home / "artifacts" / "mlflow"
    tracker_of(study_in(copy), CARD).log_trial(1, [train_model(epochs=1)], [2.0])
    assert sorted(home.rglob("*")) == before
    assert follow(home) is None


def test_a_folder_that_the_study_chose_before_stays(home: Path) -> None:
    other = home / "other" / "mlflow"
    assert follow_move(study_in(home).mlflow_url, "tiny", other) is None
    here = (home / "artifacts").as_uri()
    assert all(place.startswith(here) for place in places(study_in(home)))


def test_other_studies_keep_their_places(home: Path) -> None:
    assert follow_move(study_in(home).mlflow_url, "another", home / "x") is None
    assert follow_move(f"sqlite:///{home}/nowhere.db", "tiny", home / "x") is None
    assert not (home / "nowhere.db").exists()


def test_what_is_asked_of_a_moved_study_finds_its_files(
    finished_study: FinishedStudy, tmp_path: Path
) -> None:
    """As a copy, made by another process: sqlite's locks are this one's."""
    before = tmp_path / "before"
    subprocess.run(["cp", "--recursive", finished_study.file.parent, before], check=True)
    assert follow_move(load_study(before / "study.yaml").mlflow_url, "finished", before / FILES)
    folder = before.rename(tmp_path / "moved")  # nothing is left of the place that is known
    file, run = str(folder / "study.yaml"), CliRunner().invoke
    pulled = run(main, ["pull", file, "--to", str(tmp_path / "champion")])
    assert pulled.exit_code == 0, pulled.output
    assert run(main, ["report", file, "--html", str(tmp_path / "report.html")]).exit_code == 0
    moved = load_study(folder / "study.yaml")
    assert all(place.startswith(folder.as_uri()) for place in places(moved))
