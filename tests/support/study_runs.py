"""Runs studies with stand-in workers, and reads what their stores say afterwards."""

import signal
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from optuna.trial import FrozenTrial, TrialState

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.progress import Note
from moe_search.search.events import Event, TrialEnded
from moe_search.search.ledger import StudyRecord, TrialRecord
from moe_search.search.run import Ended, run_study
from moe_search.search.study_store import COUNTED, find_study
from moe_search.spec import Study
from moe_search.stores.mlflow import open_store
from moe_search.stores.optuna import open_storage
from moe_search.tracking.decomposition.files import FILES
from moe_search.tracking.fetch import load_model
from support.drawn_models import drawn_weights
from support.fake_workers import StandIn, Train, decomposition

SPACE = {"temperature": {"low": 0.3, "high": 3.0, "log": True}}

TWO = {"experts": 2, "temperature": {"choices": [0.5, 1.0, 2.0]}}
"""A space of three temperatures."""

STATUS: dict[TrialState, list[list[str]]] = {
    TrialState.COMPLETE: [["FINISHED"]],
    TrialState.PRUNED: [["FINISHED"]],
    # a trial that was given up has no run, or one that was being written when its coordinator died
    TrialState.FAIL: [["FAILED"], ["KILLED"], []],
    TrialState.WAITING: [[]],
}
"""How the runs of a trial in each state may have ended."""


def study_in(folder: Path, **sections: Any) -> Study:
    """A study of four trials of four epochs over the gate temperature, without finals."""
    defaults: dict[str, dict[str, Any]] = {
        "training": {"epochs": 4},
        "search": {"trials": 4, "pruner": "none", "collapse": False, "workers": 2, "population": 2},
        "finalists": {"top": 0},
    }
    given = {"name": "tiny", "data": "digits", "model": SPACE, **sections}
    merged = {name: {**default, **sections.get(name, {})} for name, default in defaults.items()}
    return Study.model_validate(given | merged, context={"folder": folder})


@dataclass(frozen=True)
class Ran:
    """One run of a study.

    Attributes:
        told: what the listener heard.
        workers: the stand-in.
    """

    ended: Ended
    told: list[Event]
    workers: StandIn


def run(
    study: Study,
    train: Train,
    test: Train | None = None,
    uncompiled: str | None = None,
) -> Ran:
    """``run_study`` with workers that do as ``train`` says.

    Args:
        study: what to run.
        train: what trials come to.
        test: what finalists come to on the test split.
        uncompiled: why operations are not compiled, if they are not.
    """
    told: list[Event] = []

    assert isinstance(study.search.workers, int)
    workers = StandIn(
        train, drawn_weights, workers=study.search.workers, test=test, uncompiled=uncompiled
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moe_search.search.executors.local.LocalExecutor", lambda *_: workers)
        ended = run_study(study, told.append)
    return Ran(ended, told, workers)


def by_temperature(spec: TrialSpec, epoch: int) -> Decomposition:
    """Hotter is better, and more epochs are."""
    model = spec.configuration.model
    return decomposition(model.experts, 0.5 + 0.1 * model.temperature + 0.01 * epoch)


def interrupting(number: signal.Signals, trial: int = 1) -> Train:
    """A signal comes in the second epoch of a trial."""

    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == trial and epoch == 2:
            signal.raise_signal(number)
        return by_temperature(spec, epoch)

    return train


def ended(told: Sequence[Event]) -> list[TrialEnded]:
    """What was told of trials that ended."""
    return [event for event in told if isinstance(event, TrialEnded)]


def notes(told: Sequence[Event]) -> list[str]:
    """What was noted, but for the line on where the data lies, which every run has."""
    found = [event.text for event in told if isinstance(event, Note)]
    (where,) = [text for text in found if text.startswith("the data is held in memory, shared")]
    found.remove(where)
    return found


def trials(study: Study, *states: TrialState) -> list[FrozenTrial]:
    """The trials in Optuna's store, of some states or all."""
    return find_study(study).get_trials(states=states or None)


def states(study: Study) -> Counter[str]:
    """How many trials are in each state, by its name."""
    return Counter(trial.state.name for trial in trials(study))


def runs(study: Study, kind: str) -> list[Run]:
    """The runs in MLflow's store, oldest first: study, trial or finalist."""
    client = MlflowClient(tracking_uri=study.mlflow_url)
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    found: list[Run] = client.search_runs(
        [experiment.experiment_id],
        f"tags.`moe_search.kind` = '{kind}'",
        order_by=["attributes.start_time"],
        max_results=1000,
    )
    return found


def check_ledger(study: Study) -> None:
    """Both stores say the same of every trial, and nothing is left running."""
    by_trial: dict[int, list[Run]] = {}
    for found in runs(study, "trial"):
        by_trial.setdefault(int(found.data.tags["moe_search.trial"]), []).append(found)
    for trial in trials(study):
        assert trial.state in STATUS
        own = by_trial.pop(trial.number, [])
        assert [one.info.status for one in own] in STATUS[trial.state]
        if trial.state in COUNTED:
            names = [f"value/{name}" for name in study.objective.pareto or ()] or ["value"]
            told = trial.values if trial.state == TrialState.COMPLETE else [None] * len(names)
            assert [own[0].data.metrics.get(name) for name in names] == told
            assert own[0].info.run_id == trial.user_attrs["mlflow_run"]
            assert own[0].data.tags.get("moe_search.reason") == trial.user_attrs.get("reason")
    assert not by_trial
    (parent,) = runs(study, "study")
    assert parent.info.status in ("FINISHED", "KILLED", "FAILED")


def check_results(study: Study) -> None:
    """Every result is whole, none is double, nothing is replayed; what ``check_ledger`` leaves."""
    client = MlflowClient(tracking_uri=study.mlflow_url)
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    every = trials(study)
    complete = [trial for trial in every if trial.state == TrialState.COMPLETE]
    for trial in complete:
        found = client.get_run(trial.user_attrs["mlflow_run"])
        assert found.data.metrics["validation/accuracy"] == trial.user_attrs["accuracy"]
        files = client.list_artifacts(found.info.run_id, "decomposition")
        assert {Path(file.path).name for file in files} == FILES.keys()
        assert load_model(trial.user_attrs["model"], study.mlflow_url)
    status = {one.info.run_id: one.info.status for one in runs(study, "finalist")}
    assert "RUNNING" not in status.values()
    records = StudyRecord.of(find_study(study)).finalists
    finished = [run_id for run_id, ended in status.items() if ended == "FINISHED"]
    assert sorted(finished) == sorted(record.run_id for record in records)
    models = client.search_logged_models([experiment.experiment_id], max_results=1000)
    assert "PENDING" not in {model.status for model in models}
    assert find_study(study).best_value == max(trial.value or 0.0 for trial in complete)
    assert_distinct([trial for trial in every if trial.state in COUNTED])
    again = {trial.number: TrialRecord.of(trial).retry_of for trial in every}
    own = [trial for trial in every if again[trial.number] is None and trial.params]
    points = study.search.points  # one that has failed for good is tried again by the next run
    failed = [t for t in own if t.state == TrialState.FAIL and t.params in points]
    assert_distinct([trial for trial in own if trial not in failed])
    repeated = {number: of for number, of in again.items() if of is not None}
    assert len(set(repeated.values())) == len(repeated)
    for number, of in repeated.items():
        assert every[number].params.items() >= every[of].params.items()


def assert_distinct(found: list[FrozenTrial]) -> None:
    """No two have the same parameters and seed."""
    pairs = {(*trial.params.values(), TrialRecord.of(trial).seed) for trial in found}
    assert len(pairs) == len(found)


def check_finished(study: Study) -> None:
    """All trials that are wanted have ended, no other is open, and both stores say the same."""
    assert len(trials(study, *COUNTED)) == study.trials
    assert not trials(study, TrialState.RUNNING, TrialState.WAITING)
    check_ledger(study)
    check_results(study)


def make_stores(folder: Path) -> None:
    """Stores with their tables and nothing else."""
    study = study_in(folder)
    open_storage(study.optuna_url).engine.dispose()
    open_store(study.mlflow_url, create=True)
    for file in folder.glob("*.db"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
