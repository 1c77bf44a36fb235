"""What passes between a coordinator and a worker, and how it does through a pipe."""

import io
import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
from pydantic import TypeAdapter

from moe_search.data import Dataset
from moe_search.data.mapped import open_place, place_of
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.trial import Job, Report
from moe_search.spec import Configuration, Data


@dataclass(frozen=True)
class Setup:
    """First message to a worker.

    Attributes:
        device: "cpu" or "cuda:0" and so on.
        threads: of one operation.
    """

    device: str
    threads: int


@dataclass(frozen=True)
class Asked:
    """The one message to a process that times populations (see ``timing``).

    Attributes:
        source: the data.
        device: where they train.
        population: most models that train in step.
        configurations: a population of each is timed.
    """

    source: Data
    device: str
    population: int
    configurations: tuple[Configuration, ...]

    def written(self) -> bytes:
        """As JSON."""
        return TypeAdapter(Asked).dump_json(self)

    @staticmethod
    def read(text: bytes) -> "Asked":
        """What was written."""
        return TypeAdapter(Asked).validate_json(text)


@dataclass(frozen=True)
class Ready:
    """First message from a worker: why operations are not compiled, or None if they are."""

    uncompiled: str | None


@dataclass(frozen=True)
class Drop:
    """Stop training these trials at the end of their epoch."""

    keys: frozenset[int]


@dataclass(frozen=True)
class Done:
    """The worker has finished its job and waits for another."""


@dataclass(frozen=True)
class Fault:
    """The worker can train no such job: what makes a gate or another member is not there.

    Attributes:
        reason: in one line; the traceback is on the worker's stderr.
    """

    reason: str


ToWorker = Setup | Checkpoints | Dataset | Job | Drop
FromWorker = Ready | Report | Done | Fault
Message = ToWorker | FromWorker


class Channel(Protocol):
    """A worker's end of what connects it with its coordinator."""

    def send(self, message: Message) -> None:
        """Send to the coordinator."""

    def receive(self) -> Message:
        """The next message, waited for."""

    def poll(self) -> bool:
        """Whether there is one."""


class Pipe:
    """A channel to the process that started this one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, message: Message) -> None:
        """Send to the coordinator."""
        send(self._connection, message)

    def receive(self) -> Message:
        """The next message, waited for."""
        return receive(self._connection)

    def poll(self) -> bool:
        """Whether there is one."""
        return self._connection.poll()


class _Pickler(pickle.Pickler):
    """Of an array that lies in a file it tells only where."""

    def reducer_override(self, value: Any) -> Any:
        place = place_of(value) if isinstance(value, np.ndarray) else None
        return NotImplemented if place is None else (open_place, place)


def send(connection: Connection, message: Message) -> None:
    """Send to the process at the other end."""
    content = io.BytesIO()
    _Pickler(content).dump(message)
    connection.send_bytes(content.getbuffer())


def receive(connection: Connection) -> Message:
    """The next message; only ever from a process that the coordinator itself started."""
    message: Message = pickle.loads(connection.recv_bytes())
    return message
