import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from trained import CARD, CLASSES, IMAGE

from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.spec import METRICS, Study, load_study
from moe_search.tracking.child_runs import Logged
from moe_search.tracking.fetch import fetch_model
from moe_search.tracking.package import load_model, load_package
from moe_search.tracking.runs import Tracker


@pytest.fixture(scope="session")
def seeds(result: TrialResult, finalist: TrialResult) -> list[TrialResult]:
    return [result, replace(finalist, test=None)]


@pytest.fixture
def default_store(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a study's store the one that MLflow's fluent functions look into."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", study.mlflow_url)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", study.mlflow_url)


def files(client: MlflowClient, run_id: str, folder: str | None = None) -> set[str]:
    return {file.path for file in client.list_artifacts(run_id, folder)}


def text(client: MlflowClient, run_id: str, path: str, to: Path) -> str:
    to.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, path, str(to))).read_text()


def samples(count: int = 5) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((count, *IMAGE), dtype=np.float32)


def parent(client: MlflowClient, tracker: Tracker) -> Run:
    return client.get_run(tracker.parent_id)


def test_a_trial_is_a_finished_child_with_its_parameters(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    logged = tracker.log_trial(17, [result], [0.5])
    run = client.get_run(logged.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "trial-017 attentive M=4 T=0.70"
    assert run.data.tags["mlflow.parentRunId"] == tracker.parent_id
    assert run.data.tags["moe_search.kind"] == "trial"
    assert run.data.tags["moe_search.trial"] == "17"
    assert run.data.params == {
        "model.kind": "moe",
        "model.backbone": "auto",
        "model.experts": "4",
        "model.gate": "attentive",
        "model.gate_weights": "random",
        "model.temperature": "0.7",
        "model.temperature_schedule": "constant",
        "model.dual_temperature": "1.0",
        "model.output": "mixture",
        "regularizer.kind": "none",
        "training.distill": "false",
        "training.epochs": "3",
        "training.pretraining": "none",
        "training.precision": "float32",
        "training.retrain_experts": "none",
        "training.batch_size": "20",
        "training.lr": "0.001",
        "training.weight_decay": "0.0",
        "seed": "0",
    }


def test_metrics_are_kept_for_each_epoch_and_the_last_is_final(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    logged = tracker.log_trial(0, [result], [0.25])
    for name in METRICS:
        history = client.get_metric_history(logged.run_id, f"validation/{name}")
        assert [point.step for point in history] == [1, 2, 3]
        assert [p.value for p in history] == [report.metrics[name] for report in result.history]
    loss = client.get_metric_history(logged.run_id, "training/loss")
    assert [point.value for point in loss] == [report.training_loss for report in result.history]
    final = client.get_run(logged.run_id).data.metrics
    assert final["validation/accuracy"] == result.validation.accuracy
    assert final["value"] == 0.25
    assert final["training/seconds"] == result.seconds


def test_many_epochs_are_more_than_one_batch_and_all_are_kept(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    history = tuple(replace(result.history[0], epoch=epoch) for epoch in range(1, 251))
    logged = tracker.log_trial(0, [replace(result, history=history)], [0.5])
    assert len(client.get_metric_history(logged.run_id, "validation/accuracy")) == 250


def test_seeds_are_averaged_and_kept_apart(
    tracker: Tracker, client: MlflowClient, seeds: list[TrialResult]
) -> None:
    final = client.get_run(tracker.log_trial(0, seeds, [0.5]).run_id).data.metrics
    losses = [result.validation.loss for result in seeds]
    assert losses[0] != losses[1]
    assert final["validation/loss"] == pytest.approx(fmean(losses))
    assert [final["seed-0/loss"], final["seed-1/loss"]] == losses


def test_the_values_of_several_objectives_have_their_names(
    study: Study, client: MlflowClient, result: TrialResult
) -> None:
    pareto = {"pareto": ("accuracy", "sample_entropy"), "maximize": None}
    objective = study.objective.model_copy(update=pareto)
    tracker = Tracker(study.model_copy(update={"objective": objective}), CARD)
    final = client.get_run(tracker.log_trial(0, [result], (0.5, 0.1)).run_id).data.metrics
    assert final["value/accuracy"] == 0.5
    assert final["value/sample_entropy"] == 0.1


def test_decomposition_lies_beside_the_run(
    tracker: Tracker, client: MlflowClient, result: TrialResult, tmp_path: Path
) -> None:
    logged = tracker.log_trial(0, [result], [0.5])
    assert files(client, logged.run_id, "decomposition") == {
        f"decomposition/{name}" for name in logged.files
    }
    summary = text(client, logged.run_id, "decomposition/summary.json", tmp_path / "got")
    assert json.loads(summary)["metrics"] == result.validation.metrics()
    assert logged.files["class_by_expert.png"].startswith(b"\x89PNG")


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
    assert opened.metadata.signature.inputs.inputs[0].shape == (-1, *IMAGE)
    assert opened.metadata.signature.outputs.inputs[0].shape == (-1, len(CLASSES))
    expected_BC = load_model(logged.model_uri)(torch.from_numpy(samples())).detach()
    np.testing.assert_allclose(opened.predict(samples()), expected_BC, atol=1e-6)


def test_a_lock_file_of_the_current_folder_is_not_taken_along(
    tracker: Tracker,
    client: MlflowClient,
    result: TrialResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("uv.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    logged = tracker.log_trial(0, [result], [0.5])
    names = {f.path for f in client.list_logged_model_artifacts(logged.model_id)}
    assert "MLmodel" in names
    assert not {"uv.lock", "pyproject.toml"} & names


def test_a_stopped_trial_is_killed_with_its_reason_and_what_it_reached(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    stopped = replace(result, complete=False, history=result.history[:2])
    logged = tracker.log_pruned(4, stopped, "hyperband")
    run = client.get_run(logged.run_id)
    assert run.info.status == "KILLED"
    assert run.info.run_name == "trial-004 attentive M=4 T=0.70"
    assert run.data.tags["moe_search.reason"] == "hyperband"
    assert len(client.get_metric_history(logged.run_id, "validation/accuracy")) == 2
    assert "value" not in run.data.metrics
    assert files(client, logged.run_id, "decomposition")
    assert client.get_logged_model(logged.model_id).status == "READY"


def test_a_failed_trial_says_why_and_how_far_it_came(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    reason = "the training loss is nan in epoch 2" + 9000 * "!"
    run_id = tracker.log_failed(5, result.configuration, reason, result.history[:1])
    run = client.get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["moe_search.reason"].startswith("the training loss is nan")
    assert run.data.params["model.experts"] == "4"
    assert run.data.metrics["validation/loss"] == result.history[0].metrics["loss"]


def test_a_trial_that_failed_at_once_has_no_metrics(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    run_id = tracker.log_failed(0, result.configuration, "its worker ended")
    assert client.get_run(run_id).data.metrics == {}


def test_a_finalist_is_judged_on_the_test_split(
    tracker: Tracker, client: MlflowClient, finalist: TrialResult, tmp_path: Path
) -> None:
    assert finalist.test is not None
    logged = tracker.log_finalist(1, 17, finalist, [0.5])
    run = client.get_run(logged.run_id)
    assert run.info.run_name == "finalist-1 seed-1 attentive M=4 T=0.70"
    assert run.data.tags["moe_search.kind"] == "finalist"
    for name, value in finalist.test.metrics().items():
        assert run.data.metrics[f"test/{name}"] == value
    summary = text(client, logged.run_id, "decomposition/summary.json", tmp_path / "got")
    assert json.loads(summary)["metrics"] == finalist.test.metrics()
    assert client.get_logged_model(logged.model_id).status == "READY"


def test_the_parent_holds_the_study_and_ends(
    tracker: Tracker, client: MlflowClient, study: Study, tmp_path: Path
) -> None:
    run = parent(client, tracker)
    assert run.info.status == "RUNNING"
    assert run.info.run_name == "tiny"
    assert run.data.tags["version.torch"] == version("torch")
    assert run.data.tags["mlflow.note.content"] == "of *three* classes"
    written = tmp_path / "again.yaml"
    written.write_text(text(client, tracker.parent_id, "study.yaml", tmp_path / "got"))
    assert load_study(written).model_dump(exclude={"storage"}) == study.model_dump(
        exclude={"storage"}
    )
    tracker.close("FINISHED")
    assert parent(client, tracker).info.status == "FINISHED"


def test_a_rerun_goes_on_under_the_same_parent(
    tracker: Tracker, client: MlflowClient, study: Study
) -> None:
    tracker.close("KILLED")
    assert parent(client, tracker).info.status == "KILLED"
    again = Tracker(study, CARD)
    assert (again.experiment_id, again.parent_id) == (tracker.experiment_id, tracker.parent_id)
    assert parent(client, again).info.status == "RUNNING"


def test_a_run_whose_writing_fails_is_failed_and_so_is_its_model(
    tracker: Tracker, client: MlflowClient, result: TrialResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", full)
    with pytest.raises(OSError, match="no space left"):
        tracker.log_trial(0, [result], [0.5])
    children = [
        run
        for run in client.search_runs([tracker.experiment_id])
        if run.info.run_id != tracker.parent_id
    ]
    assert [run.info.status for run in children] == ["FAILED"]
    models = client.search_logged_models([tracker.experiment_id])
    assert [model.status for model in models] == ["FAILED"]


def test_a_run_lasts_as_long_as_its_training(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    logged = tracker.log_trial(0, [replace(result, seconds=3000.0)], [0.5])
    info = client.get_run(logged.run_id).info
    assert info.end_time - info.start_time >= 3_000_000


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
"""What MLflow must not do, and the code. To MLflow every pyfunc is code, so pickle alone there."""


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


def test_nothing_is_said_on_the_terminal(
    study: Study,
    finalist: TrialResult,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    tracker = Tracker(study, CARD)
    logged = tracker.log_finalist(1, 0, finalist, [0.5])
    tracker.register_champion(logged.run_id, logged.model_id, "")
    tracker.close("FINISHED")
    assert capfd.readouterr() == ("", "")
    assert [one.message for one in recwarn if issubclass(one.category, UserWarning)] == []


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


def test_a_store_that_is_only_read_is_not_made(study: Study) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        load_model("models:/tiny@champion", study.mlflow_url)
    assert list(study.folder.iterdir()) == []


def test_a_deleted_experiment_is_refused_with_the_way_back(
    tracker: Tracker, client: MlflowClient, study: Study
) -> None:
    client.delete_experiment(tracker.experiment_id)
    with pytest.raises(UserError, match=r"experiment tiny was deleted; restore it with 'mlflow"):
        Tracker(study, CARD)


def test_passwords_of_stores_are_not_logged(
    study: Study, client: MlflowClient, tmp_path: Path
) -> None:
    storage = study.storage.model_copy(update={"optuna": "postgresql://me:secret@host/trials"})
    tracker = Tracker(study.model_copy(update={"storage": storage}), CARD)
    assert "secret" not in text(client, tracker.parent_id, "study.yaml", tmp_path / "got")
    assert "secret" not in json.dumps(parent(client, tracker).to_dictionary())
