"""Workers as processes of this machine, one pipe each."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Self

from moe_search.data import Source
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Done, Drop, FromWorker, Ready, Setup, ToWorker, receive, send
from moe_search.engine.trial import EpochReport, Job, TrialFailure, TrialResult
from moe_search.search.executor import Died, Event
from moe_search.spec import Study

_CPU_POPULATION = 4  # enough to share each batch and its distances; more would delay the sampler
_GPU_POPULATION = 16
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # files of NVIDIA's, of WSL's, of AMD's
_STARTS = 3  # in a row in which a worker may be killed before it is ready

_ENVIRONMENT = {
    # glibc would hand every large buffer back to the system and fault it in again at each step
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "10000000000",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Plan:
    """How a study uses this machine: a device for each worker, and models trained in step."""

    devices: tuple[str, ...]
    population: int

    @property
    def exact(self) -> bool:
        """Whether a trial's numbers must not depend on its company: they need not on a GPU."""
        return self.devices[0] == "cpu"


def plan(study: Study) -> Plan:
    """One worker a core with one thread each, or one a GPU; what study.yaml says comes first."""
    search = study.search
    gpus = 0 if search.device == "cpu" else _gpus()
    cuda = search.device == "cuda" or gpus > 0
    units = gpus if cuda else len(os.sched_getaffinity(0))
    workers = units if search.workers == "auto" else search.workers
    population = search.population
    if population == "auto":
        population = _GPU_POPULATION if cuda else _CPU_POPULATION
    devices = tuple(f"cuda:{n % max(units, 1)}" if cuda else "cpu" for n in range(max(workers, 1)))
    return Plan(devices, population)


def _gpus() -> int:
    """How many torch can use; a process of its own asks it, so that this one need not load it."""
    if not any(Path(device).exists() for device in _DRIVERS):
        return 0
    code = "from torch import cuda; print(cuda.device_count() if cuda.is_available() else 0)"
    asked = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return int(asked.stdout)


@dataclass
class _Process:
    process: subprocess.Popen[bytes]
    connection: Connection
    device: str
    start: int = 1
    ready: bool = False
    open_keys: set[int] = field(default_factory=set)
    busy: bool = False


class LocalExecutor:
    """Runs jobs on worker processes and starts a new worker in the place of one that dies.

    Args:
        plan: devices, one for each worker.
        source: the data each worker loads.
        checkpoints: where trainings leave theirs, and go on from.
    """

    def __init__(self, plan: Plan, source: Source, checkpoints: Checkpoints) -> None:
        self._source = source
        self._checkpoints = checkpoints
        self._workers = [self._start(device, 1) for device in plan.devices]

    @property
    def workers(self) -> int:
        """Number of workers."""
        return len(self._workers)

    @property
    def idle(self) -> int:
        """Workers that wait for a job."""
        return sum(not worker.busy for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""
        worker = next(w for w in self._workers if not w.busy)
        worker.busy = True
        worker.open_keys = {spec.key for spec in job.trials}
        self._send(worker, job)

    def drop(self, keys: Iterable[int]) -> None:
        """Stop training these trials; their results as they stand come as events."""
        dropped = frozenset(keys)
        for worker in self._workers:
            if own := dropped & worker.open_keys:
                self._send(worker, Drop(own))

    def events(self, timeout: float) -> list[Event]:
        """What has happened, after waiting for it at most so many seconds."""
        found: list[Event] = []
        ready = wait([worker.connection for worker in self._workers], timeout)
        for worker in [w for w in self._workers if w.connection in ready]:
            try:
                while worker.connection.poll():
                    found += self._taken(worker, receive(worker.connection))
            except (EOFError, OSError):
                found.append(self._replace(worker))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; what they were training is lost."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.wait()

    def _taken(self, worker: _Process, message: FromWorker | ToWorker) -> list[Event]:
        match message:
            case Done():
                worker.busy = False
                worker.open_keys.clear()
                return []
            case Ready():
                worker.ready = True
                return [message]
            case EpochReport() | TrialResult() | TrialFailure():
                if message.key not in worker.open_keys:
                    return []  # of a job that was begun again
                if not isinstance(message, EpochReport):
                    worker.open_keys.discard(message.key)
                return [message]
            case _:
                raise TypeError(f"no message of a worker: {message!r}")

    def _start(self, device: str, start: int) -> _Process:
        ours, theirs = multiprocessing.Pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "moe_search.engine.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            process_group=0,  # Ctrl-C is the coordinator's to handle
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        worker = _Process(process, ours, device, start)
        self._send(worker, Setup(self._source, device, 1, self._checkpoints))
        return worker

    def _replace(self, worker: _Process) -> Event:
        code = worker.process.wait()
        worker.connection.close()
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        if not worker.ready and (code >= 0 or worker.start == _STARTS):
            raise RuntimeError(f"a worker could not start ({reason}); its messages are above")
        start = 1 if worker.ready else worker.start + 1
        self._workers[self._workers.index(worker)] = self._start(worker.device, start)
        return Died(tuple(worker.open_keys), f"its worker died ({reason})")

    def _send(self, worker: _Process, message: ToWorker) -> None:
        try:
            send(worker.connection, message)
        except OSError:
            return  # it has died: ``events`` finds out and says which trials are lost
