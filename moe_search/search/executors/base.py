"""What the coordinator asks of whatever runs its jobs, and what all that run jobs share."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from moe_search.data import Dataset
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Done, Fault, Message, Ready
from moe_search.engine.trial import EpochReport, Job, Report, TrialFailure, TrialResult
from moe_search.errors import MemberError
from moe_search.spec import Study

# Models in step share each batch, its distances and the cost of every call. What a sampler loses by
# so many proposals at once is small (tests/benchmarks/search.py: 16 under way beside 8).
_CPU_POPULATION = 8
_GPU_POPULATION = 16
_STARTS = 3  # in a row in which a worker may die before it is ready

ENVIRONMENT = {
    # glibc would hand every large buffer back to the system and fault it in again at each step
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "10000000000",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # for OpenBLAS it comes first
}
"""Of every worker."""


@dataclass(frozen=True)
class Died:
    """A worker ended without finishing these trials."""

    keys: tuple[int, ...]
    reason: str


Event = Ready | Report | Died


class Executor(Protocol):
    """Workers somewhere, each of which trains one job at a time."""

    @property
    def idle(self) -> int:
        """Workers that wait for a job."""

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""

    def drop(self, keys: Iterable[int]) -> None:
        """Stop training these trials; their results as they stand come as events."""

    def events(self, timeout: float) -> list[Event]:
        """What has happened, after waiting for it at most so many seconds."""


@dataclass(frozen=True)
class Plan:
    """How a study trains: a device for each worker, and models trained in step."""

    devices: tuple[str, ...]
    population: int


class Opener(Protocol):
    """One kind of executor for a study: what it needs is joined, then planned, then opened."""

    def joined(self) -> AbstractContextManager[None]:
        """With what workers will run on; it comes first, as it may take over signals.

        Raises:
            UserError: it does not answer.
        """

    def plan(self) -> Plan:
        """Workers and their devices, once it is joined.

        Raises:
            UserError: there is room for none.
        """

    def open(
        self, plan: Plan, data: Dataset, checkpoints: Checkpoints
    ) -> AbstractContextManager[Executor]:
        """The workers, which end with the context; what they were training is lost.

        Args:
            plan: what ``plan`` gave.
            data: what is trained on, with the test split where it is to be judged on.
            checkpoints: where trainings leave theirs, and go on from.
        """


def population(study: Study, cuda: bool) -> int:
    """Models that a worker trains in step; what study.yaml says comes first."""
    if study.search.population != "auto":
        return study.search.population
    return _GPU_POPULATION if cuda else _CPU_POPULATION


@dataclass
class WorkerState:
    """What is known of one worker.

    Attributes:
        start: how often in a row it was started without being ready.
        ready: whether it has said so.
        busy: whether it has a job.
        open_keys: trials of its job that have not ended.
    """

    start: int = 1
    ready: bool = False
    busy: bool = False
    open_keys: set[int] = field(default_factory=set)

    def assign(self, job: Job) -> None:
        """It has a job now."""
        self.busy = True
        self.open_keys = {spec.key for spec in job.trials}

    def on_message(self, message: Message) -> list[Event]:
        """Take what it says; what of it the coordinator is to know."""
        match message:
            case Done():
                self.busy = False
                self.open_keys.clear()
                return []
            case Ready():
                self.ready = True
                return [message]
            case EpochReport() | TrialResult() | TrialFailure():
                if message.key not in self.open_keys:
                    return []  # of a job that was begun again
                if not isinstance(message, EpochReport):
                    self.open_keys.discard(message.key)
                return [message]
            case Fault():
                raise MemberError(f"{message.reason}; the worker's traceback is above")
            case _:
                raise TypeError(f"no message of a worker: {message!r}")

    def on_death(self, reason: str) -> Died:
        """It has ended without finishing what is open."""
        return Died(tuple(self.open_keys), f"its worker died ({reason})")

    def next_start(self) -> int | None:
        """The number of the start of another in its place; None if it was the last."""
        if self.ready:
            return 1
        return self.start + 1 if self.start < _STARTS else None
