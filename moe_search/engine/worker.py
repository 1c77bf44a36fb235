"""A worker trains the jobs it is sent, and knows no store.

As a process of the coordinator's machine it is ``python -m moe_search.engine.worker FD`` with one
end of a pipe, on Windows its handle. It receives a ``Setup``, ``Checkpoints`` and a ``Dataset``,
then ``Job`` and ``Drop`` messages, and sends ``Ready``, reports and ``Done``. It ends when the pipe
closes, so it never outlives its coordinator by more than an epoch.
"""

import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace

import torch

from moe_search.data import Dataset
from moe_search.engine.checkpoints import Checkpoint, Checkpoints
from moe_search.engine.feature_network import FeatureNetworks
from moe_search.engine.hardware import hardware_for
from moe_search.engine.messages import Channel, Done, Drop, Fault, Pipe, Ready, Setup
from moe_search.engine.resident import resident
from moe_search.engine.train import Caller, Trainer
from moe_search.engine.trial import Job, TrialFailure
from moe_search.errors import MemberError

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as _Connection
else:
    from multiprocessing.connection import Connection as _Connection


class Worker:
    """The loop of a worker, whose thread is the one that makes it.

    Args:
        channel: to the coordinator.
        setup: what it was told first.
        checkpoints: where trainings leave theirs, and go on from.
        data: what it trains on; with the test split where a job is to be judged on it.
    """

    def __init__(
        self, channel: Channel, setup: Setup, checkpoints: Checkpoints, data: Dataset
    ) -> None:
        self._channel = channel
        torch.set_num_threads(setup.threads)
        self._checkpoints = checkpoints
        device = torch.device(setup.device)
        self._data = resident(data, device)
        self._hardware, why_not = hardware_for(device)
        self._dropped: set[int] = set()
        self._features = FeatureNetworks(self._hardware, self._drops)
        channel.send(Ready(why_not))

    def run(self) -> None:
        """Train job after job until the pipe closes."""
        while True:
            message = self._channel.receive()
            if isinstance(message, Job):
                self._dropped.clear()
                self._train(message)
                self._channel.send(Done())

    def _train(self, job: Job) -> None:
        """Train a job; trials that resume after different epochs train apart."""
        for group in self._checkpoints.by_epoch(job.trials):
            self._train_in_step(replace(job, trials=group.specs), group.checkpoints)

    def _train_in_step(self, job: Job, resumed: Mapping[int, Checkpoint]) -> None:
        """A job that raises is run again trial by trial, so that only the culprit fails."""
        try:
            trainer = Trainer(
                job,
                self._data,
                self._hardware,
                Caller(self._channel.send, self._drops),
                self._features.of(job, self._data),
                self._checkpoints,
                resumed,
            )
            trainer.run()
        except (EOFError, BrokenPipeError):
            raise
        except MemberError as error:
            traceback.print_exc()
            self._channel.send(Fault(str(error)))
        except Exception as error:
            if len(job.trials) > 1:
                for spec in job.trials:
                    self._train(replace(job, trials=(spec,)))
                return
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._channel.send(TrialFailure(job.trials[0].key, reason))

    def _drops(self) -> set[int]:
        while self._channel.poll():
            message = self._channel.receive()
            if isinstance(message, Drop):
                self._dropped |= message.keys
        return self._dropped


def main() -> None:
    """Serve the pipe whose file descriptor is the first argument."""
    try:
        pipe = Pipe(_Connection(int(sys.argv[1])))
        setup = pipe.receive()
        assert isinstance(setup, Setup)
        hardware_for(torch.device(setup.device))  # compiles while the coordinator opens its stores
        checkpoints, data = pipe.receive(), pipe.receive()
        assert isinstance(checkpoints, Checkpoints)
        assert isinstance(data, Dataset)
        Worker(pipe, setup, checkpoints, data).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    main()
