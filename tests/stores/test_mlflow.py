"""MLflow's store: made, refused, never told with its password."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.tracked import tracker_of
from support.trained_models import CARD

from moe_search.errors import UserError
from moe_search.spec import Study
from moe_search.stores.mlflow import open_store
from moe_search.tracking.runs import Tracker


def test_a_new_store_lets_dashboards_read_while_it_is_written(study: Study) -> None:
    assert tracker_of(study, CARD).experiment_id
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
        tracker_of(study, CARD)


def test_a_store_in_a_place_that_cannot_be_written_is_refused(study: Study) -> None:
    (study.folder / "file").write_text("")
    with pytest.raises(UserError, match=r"store cannot be opened: .*/file is not a folder"):
        tracker_of(with_store(study, "sqlite:///file/mlflow.db"), CARD)


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
        tracker_of(with_store(study, url), CARD)
    message = str(caught.value)
    assert "127.0.0.1:9" in message
    assert "MLflow's store cannot be opened" in message
    assert "secret" not in message
    assert message.isprintable()


def test_a_deleted_experiment_is_refused_with_the_way_back(
    tracker: Tracker, client: MlflowClient, study: Study
) -> None:
    client.delete_experiment(tracker.experiment_id)
    with pytest.raises(
        UserError,
        match="tiny was deleted; restore it with 'MLFLOW_TRACKING_URI=",
    ):
        tracker_of(study, CARD)


@pytest.mark.parametrize(
    ("revision", "told"),
    [
        ("cfd24bdc0731", "it is of an older MLflow; keep a copy of it, then run 'mlflow db upgr"),
        ("ffffffffffff", "it is of a newer MLflow than "),
    ],
)
def test_a_store_of_another_mlflow_is_refused_and_stays_as_it_is(
    study: Study, tracker: Tracker, revision: str, told: str
) -> None:
    """MLflow itself would change the tables of some older ones without a word."""
    url = study.mlflow_url
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        database.execute("DROP TABLE trace_tags")
    with pytest.raises(UserError) as caught:
        open_store(url, create=True)
    assert told in str(caught.value)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        assert "trace_tags" not in names
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)
