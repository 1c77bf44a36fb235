"""MLflow's store: made, refused, never told with its password."""

import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.trained_models import CARD

from moe_search.errors import UserError
from moe_search.spec import Study
from moe_search.tracking.runs import Tracker


def test_a_new_store_lets_dashboards_read_while_it_is_written(study: Study) -> None:
    assert Tracker(study, CARD).experiment_id
    with sqlite3.connect(study.mlflow_url.removeprefix("sqlite:///")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def with_store(study: Study, url: str) -> Study:
    storage = study.storage.model_copy(update={"mlflow": url})
    again = study.model_copy(update={"storage": storage})
    assert again.folder == study.folder
    return again


def test_a_file_that_is_no_store_is_refused(study: Study) -> None:
    Path(study.mlflow_url.removeprefix("sqlite:///")).write_text("no database " * 100)
    with pytest.raises(UserError, match=r"mlflow\.db: MLflow's store cannot be opened: file is"):
        Tracker(study, CARD)


def test_a_store_in_a_place_that_cannot_be_written_is_refused(study: Study) -> None:
    (study.folder / "file").write_text("")
    with pytest.raises(UserError, match=r"store cannot be opened: .*/file is not a folder"):
        Tracker(with_store(study, "sqlite:///file/mlflow.db"), CARD)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:secret@127.0.0.1:9",
        "mysql+pymysql://me:secret@127.0.0.1:9/runs?password=secret",
        "postgresql://me:secret@127.0.0.1:9/runs",
    ],
)
def test_a_store_that_cannot_be_reached_is_named_without_its_password(
    study: Study, url: str
) -> None:
    with pytest.raises(UserError) as caught:
        Tracker(with_store(study, url), CARD)
    message = str(caught.value)
    assert "127.0.0.1:9" in message
    assert "MLflow's store cannot be opened" in message
    assert "secret" not in message
    assert message.isprintable()


def test_a_deleted_experiment_is_refused_with_the_way_back(
    tracker: Tracker, client: MlflowClient, study: Study
) -> None:
    client.delete_experiment(tracker.experiment_id)
    with pytest.raises(UserError, match=r"experiment tiny was deleted; restore it with 'mlflow"):
        Tracker(study, CARD)
