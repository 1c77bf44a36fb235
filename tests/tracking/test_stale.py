"""What a process that died left in MLflow is ended, and results stay."""

from functools import partialmethod
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.trained_models import CARD

from moe_search.engine.trial import TrialResult
from moe_search.spec import Study
from moe_search.stores.mlflow import open_store
from moe_search.tracking.runs import Tracker
from moe_search.tracking.stale import Leftovers, end_leftovers


def status(client: MlflowClient, run_id: str) -> str:
    found: str = client.get_run(run_id).info.status
    return found


def test_results_stay_and_what_optuna_was_not_told_of_is_killed(
    tracker: Tracker,
    client: MlflowClient,
    study: Study,
    result: TrialResult,
    finalist: TrialResult,
) -> None:
    told, untold = (tracker.log_trial(number, [result], [0.5]).run_id for number in (0, 1))
    failed = tracker.log_failed(2, result.configuration, "no")
    counted, other = (tracker.log_finalist(1, 0, finalist, [0.5]).run_id for _ in range(2))
    tracker.close("FINISHED")
    found = end_leftovers(client, study.name, [told, counted])
    assert set(found.runs) == {untold, other}
    assert (found.models, found.lost) == ((), frozenset())
    assert {status(client, run_id) for run_id in (told, counted, tracker.parent_id)} == {"FINISHED"}
    assert {status(client, run_id) for run_id in (untold, other)} == {"KILLED"}
    reason = client.get_run(untold).data.tags["moe_search.reason"]
    assert reason == "its process ended before Optuna was told of it"
    assert status(client, failed) == "FAILED"
    assert end_leftovers(client, study.name, [told, counted]) == Leftovers((), (), frozenset())


def test_what_nobody_writes_any_more_is_ended(
    tracker: Tracker, client: MlflowClient, study: Study, result: TrialResult
) -> None:
    logged = tracker.log_trial(0, [result], [0.5])
    client.update_run(logged.run_id, "RUNNING")
    model = client.create_logged_model(tracker.experiment_id, "half", logged.run_id).model_id
    found = end_leftovers(client, study.name, [])
    assert set(found.runs) == {logged.run_id, tracker.parent_id}
    assert status(client, logged.run_id) == status(client, tracker.parent_id) == "KILLED"
    assert found.models == (model,)
    assert client.get_logged_model(model).status == "FAILED"
    assert client.get_logged_model(logged.model_id).status == "READY"


def test_more_runs_than_a_page_holds_are_all_found(
    tracker: Tracker, study: Study, result: TrialResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = {tracker.log_trial(number, [result], [0.5]).run_id for number in range(3)}
    by_two = partialmethod(MlflowClient.search_runs, max_results=2)
    monkeypatch.setattr(MlflowClient, "search_runs", by_two)
    own = open_store(study.mlflow_url, create=False)
    assert set(end_leftovers(own, study.name, []).runs) == logged | {tracker.parent_id}


def test_results_whose_runs_are_gone_are_told(
    tracker: Tracker, client: MlflowClient, study: Study, result: TrialResult
) -> None:
    failed = tracker.log_failed(0, result.configuration, "no")
    assert end_leftovers(client, study.name, [failed, "gone"]).lost == {failed, "gone"}


def test_results_that_were_deleted_are_told_from_those_that_are_gone(
    tracker: Tracker, client: MlflowClient, study: Study, result: TrialResult
) -> None:
    deleted, kept = (tracker.log_trial(number, [result], [0.5]).run_id for number in (0, 1))
    client.delete_run(deleted)
    found = end_leftovers(client, study.name, [deleted, kept, "gone"])
    assert found.lost == {"gone"}
    assert found.deleted.keys() == {deleted}
    assert found.deleted[deleted].endswith(f" mlflow runs restore --run-id {deleted}")
    client.delete_experiment(tracker.experiment_id)
    found = end_leftovers(client, study.name, [deleted, kept])
    assert found.lost == frozenset()
    assert set(found.deleted) == {deleted, kept}
    (way_back,) = set(found.deleted.values())
    assert way_back.endswith(f" mlflow experiments restore -x {tracker.experiment_id}")


def test_nothing_is_made_where_there_is_nothing(study: Study) -> None:
    assert end_leftovers(None, study.name, ["gone"]) == Leftovers((), (), frozenset({"gone"}))
    assert not Path(study.mlflow_url.removeprefix("sqlite:///")).exists()


def test_runs_of_another_study_of_the_same_name_are_left_alone(
    client: MlflowClient, study: Study, tracker: Tracker, result: TrialResult
) -> None:
    """Each has an Optuna store of its own, and one server has the runs of both."""
    ours, theirs = (
        Tracker(open_store(study.mlflow_url, create=False), study, CARD, {}, study_id)
        for study_id in ("ours", "theirs")
    )
    assert len({tracker.parent_id, ours.parent_id, theirs.parent_id}) == 3
    logged, running = (theirs.log_trial(n, [result], [0.5]).run_id for n in (0, 1))
    client.update_run(running, "RUNNING")
    untold = ours.log_trial(0, [result], [0.5]).run_id
    assert set(end_leftovers(client, study.name, [], "ours").runs) == {ours.parent_id, untold}
    assert status(client, logged) == "FINISHED"
    assert status(client, running) == status(client, theirs.parent_id) == "RUNNING"
    again = Tracker(open_store(study.mlflow_url, create=False), study, CARD, {}, "ours")
    assert again.parent_id == ours.parent_id
    assert client.get_run(logged).data.tags["mlflow.parentRunId"] == theirs.parent_id
