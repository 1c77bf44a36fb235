"""A study's folder that was moved or copied."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.trained_models import CARD, train_model

from moe_search.spec import Study
from moe_search.stores.moved import follow_move
from moe_search.tracking.fetch import load_model
from moe_search.tracking.runs import Tracker


def study_in(folder: Path) -> Study:
    return Study.model_validate({"name": "tiny", "data": "digits"}, context={"folder": folder})


@pytest.fixture
def home(tmp_path: Path, empty_store: Path) -> Path:
    """A study's folder with a registered model, and a space in its name."""
    folder = tmp_path / "my study"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    tracker = Tracker(study_in(folder), CARD)
    logged = tracker.log_trial(0, [train_model(epochs=1)], [1.0])
    tracker.register_champion(logged.run_id, logged.model_id, "the best")
    return folder


def follow(folder: Path) -> Path | None:
    return follow_move(folder / "mlflow.db", "tiny", folder / "artifacts" / "mlflow")


def places(folder: Path) -> list[str]:
    """Where the store says that files lie: of a run, a model and a version."""
    client = MlflowClient(tracking_uri=study_in(folder).mlflow_url)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    models = client.search_logged_models([experiment.experiment_id])
    versions = client.search_model_versions("name = 'tiny'")
    return [
        experiment.artifact_location,
        *(run.info.artifact_uri for run in runs),
        *(model.artifact_location for model in models),
        *(version.source for version in versions),
    ]


def test_a_moved_folder_is_followed(home: Path) -> None:
    there = home.rename(home.with_name("elsewhere č"))
    assert follow(there) == home / "artifacts" / "mlflow"
    assert all(place.startswith((there / "artifacts").as_uri()) for place in places(there))
    assert load_model("models:/tiny@champion", study_in(there).mlflow_url)
    assert follow(there) is None


def test_a_copy_does_not_write_into_the_place_it_was_copied_from(home: Path) -> None:
    copy = shutil.copytree(home, home.with_name("copy"))
    before = sorted(home.rglob("*"))
    assert follow(copy) == home / "artifacts" / "mlflow"
    Tracker(study_in(copy), CARD).log_trial(1, [train_model(epochs=1)], [2.0])
    assert sorted(home.rglob("*")) == before
    assert follow(home) is None


def test_a_folder_that_the_study_chose_before_stays(home: Path) -> None:
    other = home / "other" / "mlflow"
    assert follow_move(home / "mlflow.db", "tiny", other) is None
    assert all(place.startswith((home / "artifacts").as_uri()) for place in places(home))


def test_other_studies_keep_their_places(home: Path) -> None:
    assert follow_move(home / "mlflow.db", "another", home / "x") is None
    assert follow_move(home / "nowhere.db", "tiny", home / "x") is None
    assert not (home / "nowhere.db").exists()
