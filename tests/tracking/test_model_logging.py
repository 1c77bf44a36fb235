"""Models in MLflow: logged, registered, fetched and loaded, by us and by MLflow."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from support.trained_models import CLASSES, IMAGE

from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.package.open import load_package
from moe_search.spec import Study
from moe_search.tracking.child_runs import Logged
from moe_search.tracking.fetch import fetch_model, load_model
from moe_search.tracking.runs import Tracker


@pytest.fixture
def default_store(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a study's store the one that MLflow's fluent functions look into."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", study.mlflow_url)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", study.mlflow_url)


def samples(count: int = 5) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((count, *IMAGE), dtype=np.float32)


@pytest.mark.usefixtures("default_store")
def test_the_model_is_ready_and_predicts_as_the_classifier(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    logged = tracker.log_trial(3, [result], [0.5])
    model = client.get_logged_model(logged.model_id)
    assert model.status == "READY"
    assert model.name == "trial-003"
    assert model.source_run_id == logged.run_id
    final = client.get_run(logged.run_id).data.metrics
    assert {m.key: m.value for m in model.metrics or ()} == final
    opened = mlflow.pyfunc.load_model(logged.model_uri)
    assert opened.metadata.metadata == {"input": {"shape": [-1, *IMAGE]}}
    assert opened.metadata.signature.outputs.input_names() == list(CLASSES)
    expected_BC = load_model(logged.model_uri)(torch.from_numpy(samples())).detach()
    np.testing.assert_allclose(opened.predict(samples()), expected_BC, atol=1e-6)


@pytest.mark.usefixtures("default_store")
def test_a_champion_is_registered_once_and_can_be_replaced(
    tracker: Tracker, client: MlflowClient, finalist: TrialResult
) -> None:
    first, second = (tracker.log_finalist(rank, rank, finalist, [0.5]) for rank in (1, 2))
    uri = tracker.register_champion(first.run_id, first.model_id, "best of three")
    assert uri == "models:/tiny@champion"
    assert tracker.register_champion(first.run_id, first.model_id, "still the best") == uri
    champion = client.get_model_version_by_alias("tiny", "champion")
    assert int(champion.version) == 1
    assert (champion.run_id, champion.description) == (first.run_id, "still the best")
    tracker.register_champion(second.run_id, second.model_id, "better")
    assert client.get_model_version_by_alias("tiny", "champion").run_id == second.run_id
    expected_BC = load_model(second.model_uri)(torch.from_numpy(samples())).detach()
    np.testing.assert_allclose(
        mlflow.pyfunc.load_model(uri).predict(samples()), expected_BC, atol=1e-6
    )


@pytest.fixture
def champion(tracker: Tracker, finalist: TrialResult) -> Logged:
    logged = tracker.log_finalist(1, 0, finalist, [0.5])
    tracker.register_champion(logged.run_id, logged.model_id, "")
    return logged


def test_every_kind_of_uri_fetches_the_package_and_nothing_else(
    champion: Logged, study: Study, tmp_path: Path
) -> None:
    uris = ["models:/tiny@champion", "models:/tiny/1", f"models:/{champion.model_id}"]
    uris += [f"runs:/{champion.run_id}", f"runs:/{champion.run_id}/model"]
    for number, uri in enumerate(uris):
        folder = fetch_model(uri, study.mlflow_url, tmp_path / f"got {number}")
        assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
        assert load_package(folder).labels == CLASSES


def test_a_model_is_loaded_from_either_kind_of_folder(
    champion: Logged, study: Study, client: MlflowClient, tmp_path: Path
) -> None:
    fetched = fetch_model(champion.model_uri, study.mlflow_url, tmp_path / "package")
    whole = client.get_logged_model(champion.model_id).artifact_location
    downloaded = mlflow.artifacts.download_artifacts(whole, dst_path=str(tmp_path / "model"))
    for folder in (fetched, str(fetched), downloaded):
        assert load_model(folder).labels == CLASSES


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("models:/other@champion", "there is no such model; {url} has models:/tiny@champion"),
        ("models:/tiny@best", "there is no such model; {url} has models:/tiny@champion"),
        ("models:/tiny/9", "there is no such model; {url} has models:/tiny@champion"),
        ("models:/m-0123", "there is no such model; {url} has models:/tiny@champion"),
        ("runs:/0123/model", "there is no such model; {url} has models:/tiny@champion"),
        ("models:/tiny", "is not a model's URI; expected models:/NAME@ALIAS, "),
        ("no such folder", "there is no such model; expected models:/NAME@ALIAS, "),
    ],
)
@pytest.mark.usefixtures("champion")
def test_a_model_that_is_not_there_is_named_beside_what_is(
    study: Study, uri: str, complaint: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_model(uri, study.mlflow_url)
    assert str(caught.value).startswith(f"{uri}: {complaint.format(url=study.mlflow_url)}")


def test_a_run_without_a_model_is_refused(tracker: Tracker, study: Study) -> None:
    with pytest.raises(UserError, match="the run has no model"):
        load_model(f"runs:/{tracker.parent_id}", study.mlflow_url)


def test_a_model_whose_files_are_gone_is_one_line(champion: Logged, study: Study) -> None:
    study.artifacts_folder.rename(study.folder / "elsewhere")
    with pytest.raises(UserError, match="cannot be fetched") as caught:
        load_model(champion.model_uri, study.mlflow_url)
    assert str(caught.value).isprintable()


NO_PICKLE = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}


NO_CODE = {**NO_PICKLE, "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false"}


LOADERS = {
    "ours": (NO_CODE, "moe_search.load_model(uri, sys.argv[1])(torch.from_numpy(x)).detach()"),
    "MLflow's": (NO_PICKLE, "mlflow.pyfunc.load_model(uri).predict(x)"),
}


@pytest.mark.parametrize("loader", LOADERS)
def test_a_fresh_process_predicts_and_unpickles_nothing(
    champion: Logged, study: Study, tmp_path: Path, loader: str
) -> None:
    forbidden, predict = LOADERS[loader]
    code = (
        "import sys, numpy as np, torch, mlflow, moe_search\n"
        "x, uri, unpickled = np.load(sys.argv[2]), 'models:/tiny@champion', []\n"
        "sys.addaudithook(lambda what, _: unpickled.append(what) if 'pickle' in what else None)\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        f"served = {predict}\n"
        "assert not unpickled, unpickled\n"
        "np.save(sys.argv[2], served)\n"
    )
    np.save(tmp_path / "x.npy", samples())
    subprocess.run(
        [sys.executable, "-c", code, study.mlflow_url, tmp_path / "x.npy"],
        check=True,
        env=os.environ | forbidden,
    )
    expected_BC = load_model(champion.model_uri, study.mlflow_url)(torch.from_numpy(samples()))
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), expected_BC.detach(), atol=1e-6)


def test_a_store_that_is_only_read_is_not_made(study: Study) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        load_model("models:/tiny@champion", study.mlflow_url)
    assert list(study.folder.iterdir()) == []
