"""Worker processes on the digits."""

import os
import sys
from pathlib import Path

import pytest
import torch
from optuna.trial import TrialState
from support.jobs import PATIENCE, SOURCE, await_events, check_drop, job, reported
from support.study_runs import check_ledger, study_in, trials

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Ready
from moe_search.engine.trial import Job
from moe_search.errors import UserError
from moe_search.search.executors import local
from moe_search.search.executors.base import Plan
from moe_search.search.executors.local import LocalExecutor, plan
from moe_search.search.run import run_study
from moe_search.spec import Study

DIED = "its worker died (signal SIGKILL)"


def test_a_worker_from_start_to_end(tmp_path: Path) -> None:
    """One test, for a worker takes seconds to start."""
    with LocalExecutor(Plan(("cpu",), 1), load(SOURCE), Checkpoints(tmp_path, SOURCE)) as executor:
        assert executor.idle == 1
        executor.submit(job(0, 1))
        assert executor.idle == 0
        found = await_events(executor, reported(0, 1))
        assert Ready in [type(event) for event in found]

        check_drop(executor)
        assert executor.idle == 0  # the other one of its job goes on

        (worker,) = executor._workers
        worker.connection.close()  # as the system does for a coordinator that was killed
        assert worker.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"workers": 3, "population": 7, "device": "cpu"}, Plan(("cpu",) * 3, 7)),
        ({"workers": "auto", "device": "cpu"}, Plan(("cpu",) * len(os.sched_getaffinity(0)), 8)),
    ],
)
def test_the_plan_of_a_machine(tmp_path: Path, search: dict[str, object], expected: Plan) -> None:
    assert plan(study_in(tmp_path, search=search | {"population": "auto"} | search)) == expected


def test_without_a_driver_torch_is_not_asked_for_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_DRIVERS", ())
    monkeypatch.setattr(sys, "executable", "/nowhere")
    assert plan(study_in(tmp_path, search={"device": "auto"})).devices[0] == "cpu"


def test_torch_says_how_many_gpus_there_are() -> None:
    assert local._gpus() == torch.cuda.device_count()


def test_a_gpu_that_is_asked_for_and_not_there_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_gpus", lambda: 0)
    with pytest.raises(UserError, match=r"search.device: cuda, but torch finds no GPU"):
        plan(study_in(tmp_path, search={"device": "cuda"}))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({}, Plan(("cuda:0", "cuda:1"), 16)),
        ({"workers": 3}, Plan(("cuda:0", "cuda:1", "cuda:0"), 16)),
        ({"device": "cpu", "workers": 1}, Plan(("cpu",), 8)),
    ],
)
def test_the_plan_of_a_machine_with_two_gpus(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    search: dict[str, object],
    expected: Plan,
) -> None:
    monkeypatch.setattr(local, "_has_driver", lambda: True)
    monkeypatch.setattr(local, "_gpus", lambda: 2)
    whole = {"workers": "auto", "population": "auto", "device": "auto"} | search
    assert plan(study_in(tmp_path, search=whole)) == expected


def digits(folder: Path, name: str, **search: object) -> Study:
    return study_in(
        folder,
        name=name,
        model={"experts": {"low": 2, "high": 5}, "temperature": {"low": 0.3, "high": 3.0}},
        regularizer={"kind": {"choices": ["none", "importance", "similarity"]}},
        training={"epochs": 3, "batch_size": 64, "lr": {"low": 1e-3, "high": 1e-2, "log": True}},
        search=search,
    )


def test_a_trial_alone_has_bit_for_bit_its_value_among_others_and_a_killed_worker(
    study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[Job] = []
    served: set[int] = set()
    submit = LocalExecutor.submit

    def submit_and_kill(executor: LocalExecutor, job: Job) -> None:
        submit(executor, job)
        submitted.append(job)
        (its,) = [w for w in executor._workers if job.trials[0].key in w.open_keys]
        served.add(its.process.pid)
        if len(submitted) == 3:
            its.process.kill()

    monkeypatch.setattr(LocalExecutor, "submit", submit_and_kill)
    whole = digits(study_folder, "whole", trials=9, workers=2, population=3)
    assert run_study(whole, lambda event: None).reason == "all trials are done"
    failed = trials(whole, TrialState.FAIL)
    assert [trial.number for trial in failed] == [spec.key for spec in submitted[2].trials]
    assert {trial.user_attrs["reason"] for trial in failed} == {DIED}
    assert len(served) == 3  # another took its place
    among = trials(whole, TrialState.COMPLETE)
    assert len(among) == 9
    check_ledger(whole)

    neighbours = [spec.key for spec in max(submitted, key=lambda job: len(job.trials)).trials]
    assert len(neighbours) > 1
    (trial,) = [trial for trial in among if trial.number == neighbours[-1]]
    alone = digits(study_folder, "alone", trials=1, workers=1, population=1, points=[trial.params])
    run_study(alone, lambda event: None)
    (again,) = trials(alone)
    assert again.params == trial.params
    assert again.values == trial.values
    assert again.intermediate_values == trial.intermediate_values
