import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support.tracked import tracker_of
from support.trained_models import CARD

from moe_search.engine.trial import TrialResult
from moe_search.spec import METRICS, Study, load_study
from moe_search.tracking.runs import Tracker


@pytest.fixture(scope="session")
def seeds(result: TrialResult, finalist: TrialResult) -> list[TrialResult]:
    return [result, replace(finalist, test=None)]


def files(client: MlflowClient, run_id: str, folder: str | None = None) -> set[str]:
    return {file.path for file in client.list_artifacts(run_id, folder)}


def text(client: MlflowClient, run_id: str, path: str, to: Path) -> str:
    to.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, path, str(to))).read_text()


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
        "training.optimizer": "adam",
        "training.schedule": "constant",
        "training.class_weights": "none",
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


def test_what_is_looked_at_first_has_short_names_and_few_digits(
    tracker: Tracker, client: MlflowClient, seeds: list[TrialResult]
) -> None:
    final = client.get_run(tracker.log_trial(0, seeds, [1 / 3]).run_id).data.metrics
    assert final["objective"] == 0.3333
    for short, name, digits in (
        ("accuracy", "accuracy", 4),
        ("H_s", "sample_entropy", 3),
        ("H_u", "usage_entropy", 3),
        ("I_E_Y", "mutual_information", 3),
    ):
        assert final[short] == round(final[f"validation/{name}"], digits)


def test_what_is_judged_on_the_test_split_shows_that_first(
    tracker: Tracker, client: MlflowClient, seeds: list[TrialResult]
) -> None:
    first, second = seeds
    judged = replace(first, test=second.validation)
    final = client.get_run(tracker.log_finalist(1, 0, judged, [0.5]).run_id).data.metrics
    assert final["test/sample_entropy"] != final["validation/sample_entropy"]
    assert final["H_s"] == round(final["test/sample_entropy"], 3)


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


def test_a_seed_that_stopped_early_counts_as_it_was_to_the_end(
    tracker: Tracker, client: MlflowClient, seeds: list[TrialResult]
) -> None:
    short = replace(seeds[0], history=seeds[0].history[:1])
    run_id = tracker.log_trial(0, [short, seeds[1]], [0.5]).run_id
    found = client.get_metric_history(run_id, "validation/loss")
    first = short.history[0].metrics["loss"]
    expected = [fmean([first, report.metrics["loss"]]) for report in seeds[1].history]
    assert [point.value for point in found] == pytest.approx(expected)
    assert [point.step for point in found] == [report.epoch for report in seeds[1].history]


def test_the_values_of_several_objectives_have_their_names(
    study: Study, client: MlflowClient, result: TrialResult
) -> None:
    pareto = {"pareto": ("accuracy", "sample_entropy"), "maximize": None}
    objective = study.objective.model_copy(update=pareto)
    tracker = tracker_of(study.model_copy(update={"objective": objective}), CARD)
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


def test_a_pruned_trial_is_finished_with_its_reason_and_what_it_reached(
    tracker: Tracker, client: MlflowClient, result: TrialResult
) -> None:
    stopped = replace(result, complete=False, history=result.history[:2])
    logged = tracker.log_pruned(4, stopped, "hyperband")
    run = client.get_run(logged.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "trial-004 attentive M=4 T=0.70 (pruned)"
    assert run.data.tags["mlflow.note.content"].startswith("Pruned: hyperband. It was stopped")
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
    assert run.info.run_name == "finalist trial-017 seed-1 attentive M=4 T=0.70"
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
    again = tracker_of(study, CARD)
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


def test_nothing_is_said_on_the_terminal(
    study: Study,
    finalist: TrialResult,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    tracker = tracker_of(study, CARD)
    logged = tracker.log_finalist(1, 0, finalist, [0.5])
    tracker.register_champion(logged.run_id, logged.model_id, "")
    tracker.close("FINISHED")
    assert capfd.readouterr() == ("", "")
    assert [one.message for one in recwarn if issubclass(one.category, UserWarning)] == []


def test_passwords_of_stores_are_not_logged(
    study: Study, client: MlflowClient, tmp_path: Path
) -> None:
    storage = study.storage.model_copy(update={"optuna": "postgresql://me:secret@host/trials"})
    tracker = tracker_of(study.model_copy(update={"storage": storage}), CARD)
    assert "secret" not in text(client, tracker.parent_id, "study.yaml", tmp_path / "got")
    assert "secret" not in json.dumps(parent(client, tracker).to_dictionary())
