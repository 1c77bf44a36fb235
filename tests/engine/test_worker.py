"""What a worker says of jobs that it cannot train."""

from pathlib import Path

import pytest
from support.jobs import SOURCE, digits_job
from support.small_trials import trial

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Done, Fault, Message, Ready, Setup
from moe_search.engine.trial import Job, TrialFailure
from moe_search.engine.worker import Worker
from moe_search.errors import MemberError
from moe_search.search.executors.base import WorkerState
from moe_search.spec.kinds.gates import GATES, GateKind

pytestmark = pytest.mark.usefixtures("one_thread")


class Channel:
    """Gives a worker one job, and ends it."""

    def __init__(self, job: Job) -> None:
        self.jobs = [job]
        self.said: list[Message] = []

    def send(self, message: Message) -> None:
        self.said.append(message)

    def receive(self) -> Message:
        if not self.jobs:
            raise EOFError
        return self.jobs.pop()

    def poll(self) -> bool:
        return False


@pytest.mark.parametrize("trials", [1, 2])
def test_a_gate_that_nothing_makes_is_a_fault_and_ends_the_run(
    trials: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made_by = "moe_search.moe.gates.nowhere:NowhereGate"
    monkeypatch.setitem(GATES._own, "nowhere", GateKind(meaning="a gate", made_by=made_by))
    specs = tuple(trial(key, gate="nowhere") for key in range(trials))
    channel = Channel(digits_job(*specs))
    checkpoints = Checkpoints(tmp_path, SOURCE)
    with pytest.raises(EOFError):
        Worker(channel, Setup("cpu", 1), checkpoints, load(SOURCE)).run()
    ready, fault, done = channel.said
    assert isinstance(ready, Ready)
    assert isinstance(done, Done)
    assert isinstance(fault, Fault), "one for all trials, and no failure of any"
    assert "Traceback" in capfd.readouterr().err
    with pytest.raises(MemberError, match=made_by):
        WorkerState().on_message(fault)


def test_a_trial_that_raises_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("no memory\nand more")

    monkeypatch.setattr("moe_search.engine.worker.Trainer.run", breaks)
    channel = Channel(digits_job(trial(3), trial(4)))
    checkpoints = Checkpoints(tmp_path, SOURCE)
    with pytest.raises(EOFError):
        Worker(channel, Setup("cpu", 1), checkpoints, load(SOURCE)).run()
    expected = [TrialFailure(key, "RuntimeError: no memory") for key in (3, 4)]
    assert [message for message in channel.said if isinstance(message, TrialFailure)] == expected
