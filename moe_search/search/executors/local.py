"""Workers as processes of this machine, one pipe each."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self

from moe_search.data import Dataset
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Drop, Setup, ToWorker, receive, send
from moe_search.engine.trial import Job
from moe_search.errors import UserError
from moe_search.machine import cores
from moe_search.progress import Progress
from moe_search.search.executors.base import (
    ENVIRONMENT,
    Event,
    Executor,
    Plan,
    WorkerState,
    population,
)
from moe_search.spec import Study

_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # files of NVIDIA's, of WSL's, of AMD's


def plan(study: Study) -> Plan:
    """One worker a core with one thread each, or one a GPU; what study.yaml says comes first.

    Raises:
        UserError: it asks for a GPU, and torch finds none.
    """
    search = study.search
    asked = search.device == "cuda"
    gpus = _gpus() if asked or (search.device == "auto" and _has_driver()) else 0
    if asked and not gpus:
        raise UserError(
            "search.device: cuda, but torch finds no GPU it can use here; write auto or cpu"
        )
    units = gpus or cores()
    workers = units if search.workers == "auto" else search.workers
    devices = tuple(f"cuda:{n % units}" if gpus else "cpu" for n in range(max(workers, 1)))
    return Plan(devices, population(study, gpus > 0))


def _has_driver() -> bool:
    """Whether there may be a GPU: torch, which takes seconds to load, is not asked without."""
    return any(Path(device).exists() for device in _DRIVERS)


def _gpus() -> int:
    """How many torch can use; a process of its own asks it, so that this one need not load it."""
    code = "from torch import cuda; print(cuda.device_count() if cuda.is_available() else 0)"
    asked = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return int(asked.stdout)


class LocalOpener:
    """Processes of this machine, which map the files of the data."""

    def __init__(self, study: Study, _progress: Progress) -> None:
        self._study = study
        self._started: list[_Process] = []

    @contextmanager
    def joined(self) -> Iterator[None]:
        """The processes, which load what they need while the coordinator opens its stores."""
        self._started = [_start(device, 1) for device in self.plan().devices]
        try:
            yield
        finally:
            _end(self._started)

    def plan(self) -> Plan:
        """One worker a core, or one a GPU."""
        return self._plan

    @cached_property
    def _plan(self) -> Plan:
        return plan(self._study)  # which may start a process to count GPUs

    def open(
        self, plan: Plan, data: Dataset, checkpoints: Checkpoints
    ) -> AbstractContextManager[Executor]:
        """The processes."""
        return LocalExecutor(plan, data, checkpoints, self._started)


@dataclass(kw_only=True)
class _Process(WorkerState):
    process: subprocess.Popen[bytes]
    connection: Connection
    device: str


class LocalExecutor:
    """Runs jobs on worker processes and starts a new worker in the place of one that dies.

    Args:
        plan: devices, one for each worker.
        data: what is trained on, with the test split where it is to be judged on.
        checkpoints: where trainings leave theirs, and go on from.
        started: processes that wait for their data; none has them started now.
    """

    def __init__(
        self,
        plan: Plan,
        data: Dataset,
        checkpoints: Checkpoints,
        started: Sequence[_Process] = (),
    ) -> None:
        self._data = data
        self._checkpoints = checkpoints
        self._workers = [*started] or [_start(device, 1) for device in plan.devices]
        for worker in self._workers:
            self._give_data(worker)

    @property
    def idle(self) -> int:
        """Workers that wait for a job."""
        return sum(not worker.busy for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""
        worker = next(w for w in self._workers if not w.busy)
        worker.assign(job)
        _send(worker, job)

    def drop(self, keys: Iterable[int]) -> None:
        """Stop training these trials; their results as they stand come as events."""
        dropped = frozenset(keys)
        for worker in self._workers:
            if own := dropped & worker.open_keys:
                _send(worker, Drop(own))

    def events(self, timeout: float) -> list[Event]:
        """What has happened, after waiting for it at most so many seconds."""
        found: list[Event] = []
        ready = wait([worker.connection for worker in self._workers], timeout)
        for worker in [w for w in self._workers if w.connection in ready]:
            try:
                while worker.connection.poll():
                    found += worker.on_message(receive(worker.connection))
            except (EOFError, OSError):
                found.append(self._replace(worker))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; what they were training is lost."""
        _end(self._workers)

    def _give_data(self, worker: _Process) -> None:
        _send(worker, self._checkpoints)
        _send(worker, self._data)

    def _replace(self, worker: _Process) -> Event:
        code = worker.process.wait()
        worker.connection.close()
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        start = worker.next_start()
        if start is None or (code >= 0 and not worker.ready):
            raise RuntimeError(f"a worker could not start ({reason}); its messages are above")
        fresh = self._workers[self._workers.index(worker)] = _start(worker.device, start)
        self._give_data(fresh)
        return worker.on_death(reason)


def _start(device: str, start: int) -> _Process:
    """A worker, the so many-th in its place, that will wait for its data."""
    ours, theirs = multiprocessing.Pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "moe_search.engine.worker", str(theirs.fileno())],
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        **_inherits(theirs.fileno()),
    )
    theirs.close()
    worker = _Process(start=start, process=process, connection=ours, device=device)
    _send(worker, Setup(device, 1))
    return worker


def _send(worker: _Process, message: ToWorker) -> None:
    try:
        send(worker.connection, message)
    except OSError:
        return  # it has died: ``events`` finds out and says which trials are lost


def _end(workers: Sequence[_Process]) -> None:
    """End processes, of which some may have ended before."""
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    for worker in workers:
        worker.process.wait()


def _inherits(pipe: int) -> dict[str, Any]:
    """How a process is started with a pipe of ours, and out of the way of a terminal's Ctrl-C.

    Ctrl-C is the coordinator's to handle. Windows passes a handle where others pass a file
    descriptor.
    """
    if sys.platform != "win32":
        return {"pass_fds": [pipe], "process_group": 0}
    os.set_handle_inheritable(pipe, True)
    passed = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [pipe]})
    return {"startupinfo": passed, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
