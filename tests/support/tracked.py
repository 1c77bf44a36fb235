"""Fixtures: a small trained model, a study for it, and its runs in MLflow."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from moe_search.engine.trial import TrialResult
from moe_search.package.config import Card
from moe_search.spec import Study
from moe_search.stores.mlflow import open_store
from moe_search.tracking.provenance import provenance
from moe_search.tracking.runs import Tracker
from support.trained_models import CARD, train_model


def tracker_of(study: Study, card: Card) -> Tracker:
    """What a run of the study writes to MLflow with."""
    client = open_store(study.mlflow_url, create=True)
    return Tracker(client, study, card, provenance(study.folder))


@pytest.fixture(scope="session")
def result() -> TrialResult:
    """An attentive mixture of four experts on images of 8x8."""
    return train_model(gate="attentive")


@pytest.fixture(scope="session")
def finalist() -> TrialResult:
    """The same, from another seed, with its test decomposition."""
    return train_model(seed=1, test=True, gate="attentive")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study whose stores lie in a folder of their own, with a space and a letter in its name."""
    folder = tmp_path / "a study č"
    folder.mkdir()
    return Study.model_validate(
        {
            "name": "tiny",
            "description": "of *three* classes",
            "data": "digits",
            "search": {"collapse": False},
        },
        context={"folder": folder},
    )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables, whose making takes MLflow longer than all else here."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_store(f"sqlite:///{path}", create=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM INTO ?", (f"{path}.copy",))
    return Path(f"{path}.copy")


@pytest.fixture
def tracker(study: Study, empty_store: Path) -> Tracker:
    shutil.copy(empty_store, study.mlflow_url.removeprefix("sqlite:///"))
    return tracker_of(study, CARD)


@pytest.fixture
def client(tracker: Tracker, study: Study) -> MlflowClient:
    """A client of its own for the tracker's store."""
    return MlflowClient(tracking_uri=study.mlflow_url, registry_uri=study.mlflow_url)
