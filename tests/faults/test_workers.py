"""Real workers that die: before they are ready, in the middle of a long trial, for memory."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from support.checkpointed_study import STAGE, search, study
from support.jobs import digits_job
from support.study_runs import check_ledger, notes, trials

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Ready
from moe_search.engine.trial import EpochReport, Job, TrialFailure, TrialResult, TrialSpec
from moe_search.search.events import Event
from moe_search.search.executors.base import Died, Plan
from moe_search.search.executors.base import Event as Reported
from moe_search.search.executors.local import LocalExecutor
from moe_search.search.ledger import StudyRecord
from moe_search.search.run import run_study
from moe_search.search.study_store import find_study
from moe_search.spec import Configuration, Data, Study

SOURCE = Data(name="digits")
PATIENCE = 120  # seconds, for what takes one
ROOM = 400_000_000  # bytes; a trial of 1024 experts takes gigabytes
MARK = 1000.0  # seconds of training that no trial here takes


def kill_worker(executor: LocalExecutor) -> None:
    """As by kill -9, or by the system when memory runs out; back when it is dead."""
    (worker,) = executor._workers
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints from the first epoch on."""
    monkeypatch.setattr("moe_search.search.on_data.Checkpoints", partial(Checkpoints, after=0.0))


def mark(checkpoints: Checkpoints, specs: Sequence[TrialSpec]) -> None:
    """Tell the checkpoints of some trials from others by their seconds."""
    for spec in specs:
        found = checkpoints.latest(spec)
        assert found is not None
        checkpoints.remove(spec)
        checkpoints.write(spec, replace(found, seconds=MARK))


class Perilous(LocalExecutor):
    """Its worker is killed once, in the second stage of a job that is chosen."""

    def __init__(self, *given: Any, chosen: Callable[[Job], bool]) -> None:
        super().__init__(*given)
        self.killed = False
        self.results: list[TrialResult] = []
        self._chosen = chosen
        self._doomed: Job | None = None

    def submit(self, job: Job) -> None:
        super().submit(job)
        if self._chosen(job):
            self._doomed = job

    def events(self, timeout: float) -> list[Reported]:
        found = super().events(timeout)
        self.results += [event for event in found if isinstance(event, TrialResult)]
        epochs = [event.epoch for event in found if isinstance(event, EpochReport)]
        if self._doomed and not self.killed and max(epochs, default=0) > STAGE:
            kill_worker(self)
            mark(self._checkpoints, self._doomed.trials)
            self.killed = True
        return found


def run_perilously(
    asked: Study, monkeypatch: pytest.MonkeyPatch, chosen: Callable[[Job], bool]
) -> tuple[list[Event], list[TrialResult]]:
    """Run a study whose worker is killed while it trains a chosen job.

    Returns what was told, and the results that workers gave.
    """
    made: list[Perilous] = []
    told: list[Event] = []

    def make(*given: Any) -> Perilous:
        made.append(Perilous(*given, chosen=chosen))
        return made[0]

    monkeypatch.setattr("moe_search.search.executors.local.LocalExecutor", make)
    run_study(asked, told.append)
    assert made[0].killed
    return told, made[0].results


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty_stores: Path) -> Study:
    """The study as it is where nothing dies."""
    folder = shutil.copytree(empty_stores, tmp_path_factory.mktemp("undisturbed") / "study")
    done = study(folder, "undisturbed", top=1)
    run_study(done, lambda event: None)
    return done


def check_went_on(asked: Study, undisturbed: Study) -> None:
    """From what was trained, to the same values; and the checkpoints went with the study."""
    assert len(trials(asked, TrialState.FAIL)) == 2
    again = trials(asked, TrialState.COMPLETE)
    for ours, theirs in zip(again, trials(undisturbed), strict=True):
        assert ours.user_attrs["seconds"] > MARK
        assert ours.params == theirs.params
        assert ours.values == theirs.values
        assert ours.intermediate_values == theirs.intermediate_values
    check_ledger(asked)
    assert not asked.checkpoints_folder.exists()


def test_trials_of_a_killed_worker_go_on_to_the_same_values(
    study_folder: Path, undisturbed: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = study(study_folder, "worker")
    run_perilously(asked, monkeypatch, lambda job: True)
    check_went_on(asked, undisturbed)


def test_trials_of_a_killed_coordinator_go_on_to_the_same_values(
    study_folder: Path, undisturbed: Study
) -> None:
    asked = study(study_folder, "coordinator")
    coordinator = get_context("spawn").Process(target=search, args=(study_folder,))
    coordinator.start()
    await_checkpoints(asked.checkpoints_folder)
    workers = children(coordinator.pid)
    coordinator.kill()
    coordinator.join()
    while any(map(alive, workers)):
        time.sleep(0.01)
    left = trials(asked, TrialState.RUNNING)
    configurations = [trial.user_attrs["configuration"] for trial in left]
    checkpoints = Checkpoints(asked.checkpoints_folder, asked.source)
    mark(
        checkpoints, [TrialSpec(0, Configuration.model_validate_json(c), 0) for c in configurations]
    )
    run_study(asked, lambda event: None)
    check_went_on(asked, undisturbed)


def await_checkpoints(folder: Path) -> None:
    """Until both trials have one of their second stage."""
    ends = time.monotonic() + PATIENCE
    while len(list(folder.glob(f"*-{STAGE + 1:06d}-*"))) < 2:
        assert time.monotonic() < ends
        time.sleep(0.01)


def children(process: int | None) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in listed.split()]


def alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(") ")[2][0] != "Z"


def test_a_finalist_of_a_killed_worker_goes_on(
    study_folder: Path, undisturbed: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = study(study_folder, "finalist", top=1)
    told, results = run_perilously(asked, monkeypatch, lambda job: job.test)
    assert results[-1].seconds > MARK
    assert notes(told) == ["finalists run again: its worker died (signal SIGKILL)"]
    (record,), (expected,) = (
        StudyRecord.of(find_study(one)).finalists for one in (asked, undisturbed)
    )
    assert record.test == expected.test
    check_ledger(asked)
    assert not asked.checkpoints_folder.exists()


def job(*experts: int) -> Job:
    """Short trials in step, with so many experts."""
    training = {"epochs": 1, "batch_size": 512}
    specs = [
        TrialSpec(
            key,
            Configuration.model_validate({"model": {"experts": count}, "training": training}),
            seed=0,
        )
        for key, count in enumerate(experts)
    ]
    return digits_job(*specs)


def outcomes(executor: LocalExecutor, count: int) -> list[Reported]:
    """What so many trials come to."""
    found: list[Reported] = []
    ends = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < ends, found
        events = executor.events(timeout=1.0)
        found += [event for event in events if isinstance(event, TrialResult | TrialFailure | Died)]
    return found


def test_a_worker_may_be_killed_before_it_is_ready_but_not_for_ever(tmp_path: Path) -> None:
    died = "its worker died (signal SIGKILL)"
    with LocalExecutor(Plan(("cpu",), 1), load(SOURCE), Checkpoints(tmp_path, SOURCE)) as executor:
        for _ in range(2):
            executor.submit(job(2))
            kill_worker(executor)
            assert outcomes(executor, 1) == [Died((0,), died)]
        executor.submit(job(2))
        kill_worker(executor)
        with pytest.raises(RuntimeError, match=r"a worker could not start \(signal SIGKILL\)"):
            outcomes(executor, 1)


def test_a_trial_that_finds_no_memory_fails_alone(tmp_path: Path) -> None:
    """Its worker was killed before it was ready, and another is in its place."""
    with LocalExecutor(Plan(("cpu",), 2), load(SOURCE), Checkpoints(tmp_path, SOURCE)) as executor:
        kill_worker(executor)
        while not any(isinstance(event, Ready) for event in executor.events(timeout=1.0)):
            pass
        (worker,) = executor._workers
        pages = int(Path(f"/proc/{worker.process.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + ROOM
        resource.prlimit(worker.process.pid, resource.RLIMIT_AS, (limit, limit))
        executor.submit(job(2, 1024))
        found = outcomes(executor, 2)
        (small,) = [event for event in found if isinstance(event, TrialResult)]
        (large,) = [event for event in found if isinstance(event, TrialFailure)]
        assert (small.key, small.complete) == (0, True)
        assert large.key == 1
        assert "memory" in large.reason
