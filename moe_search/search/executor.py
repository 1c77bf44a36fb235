"""What the coordinator asks of whatever runs its jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from moe_search.engine.messages import Ready
from moe_search.engine.trial import Job, Report


@dataclass(frozen=True)
class Died:
    """A worker ended without finishing these trials."""

    keys: tuple[int, ...]
    reason: str


Event = Ready | Report | Died


class Executor(Protocol):
    """Workers somewhere, each of which trains one job at a time."""

    @property
    def workers(self) -> int:
        """Number of workers."""

    @property
    def idle(self) -> int:
        """Workers that wait for a job."""

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""

    def drop(self, keys: Iterable[int]) -> None:
        """Stop training these trials; their results as they stand come as events."""

    def events(self, timeout: float) -> list[Event]:
        """What has happened, after waiting for it at most so many seconds."""
