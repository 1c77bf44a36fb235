"""Workers as actors of a Ray cluster, wherever Ray places them.

The data goes into Ray's object store once; each node takes one copy, which its workers map. A
worker that is lost, alone or with its node, is replaced by another actor, which waits until there
is room for it. Checkpoints are left and found where a node sees the study's folder of them, as it
does on a shared file system; elsewhere a trial whose worker died begins at its start.
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Self

import ray
from ray.exceptions import RayError, RayTaskError

from moe_search.data import Dataset
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Drop, Message, Setup
from moe_search.engine.trial import Job
from moe_search.errors import UserError
from moe_search.search.executors.base import ENVIRONMENT, Event, Plan, WorkerState
from moe_search.spec.kinds.executors import Ray
from moe_search.words import one_line


class _Queues:
    """A channel within a process."""

    def __init__(self) -> None:
        self.told: SimpleQueue[Message] = SimpleQueue()
        self.said: SimpleQueue[Message | Exception] = SimpleQueue()

    def send(self, message: Message) -> None:
        self.said.put(message)

    def receive(self) -> Message:
        return self.told.get()

    def poll(self) -> bool:
        return not self.told.empty()


class _Actor:
    """A worker with a thread to train, one to be told and one to be heard."""

    def __init__(self) -> None:
        self._queues = _Queues()

    def train(self, setup: Setup, checkpoints: Checkpoints, data: Dataset) -> None:
        """Be a worker, until the coordinator ends the actor."""
        from moe_search.engine.worker import Worker  # what it loads, the coordinator does without

        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor is written
        try:
            Worker(self._queues, setup, shared(checkpoints), data).run()
        except Exception as error:
            self._queues.said.put(error)

    @ray.method(concurrency_group="tell")
    def tell(self, message: Message) -> None:
        """Take a message for the worker."""
        self._queues.told.put(message)

    @ray.method(concurrency_group="hear")
    def hear(self) -> list[Message]:
        """What the worker has said since, waited for; or raise what has ended it."""
        heard: list[Message] = []
        while not (heard and self._queues.said.empty()):
            said = self._queues.said.get()
            if isinstance(said, Exception):
                raise said
            heard.append(said)
        return heard


def shared(checkpoints: Checkpoints) -> Checkpoints:
    """The same where the coordinator's folder is seen; elsewhere such as leave and find nothing."""
    return checkpoints if checkpoints.folder.is_dir() else replace(checkpoints, after=math.inf)


_ACTORS: Any = ray.remote(concurrency_groups={"tell": 1, "hear": 1})(  # type: ignore[call-overload]
    _Actor
)


@dataclass(kw_only=True)
class _Worker(WorkerState):
    actor: Any
    hearing: "ray.ObjectRef[list[Message]]"


class RayExecutor:
    """Runs jobs on actors of the cluster that Ray is connected with.

    Args:
        plan: a device for each worker.
        given: what each takes of the cluster.
        data: what is trained on, with the test split where it is to be judged on.
        checkpoints: where trainings leave theirs, and go on from.

    Raises:
        UserError: from ``events``, where workers cannot start on the cluster.
    """

    def __init__(self, plan: Plan, given: Ray, data: Dataset, checkpoints: Checkpoints) -> None:
        checkpoints.folder.mkdir(parents=True, exist_ok=True)  # by this a node sees it is shared
        self._setup = Setup(plan.devices[0], 1)
        self._checkpoints = checkpoints
        self._data = ray.put(data)
        self._actors = _ACTORS.options(
            num_cpus=1,
            num_gpus=given.gpus_per_worker,
            runtime_env={"env_vars": ENVIRONMENT},
        )
        self._workers = [self._start(1) for _ in plan.devices]

    @property
    def idle(self) -> int:
        """Workers that have a place and wait for a job."""
        return len(self._idle())

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""
        worker = self._idle()[0]
        worker.assign(job)
        worker.actor.tell.remote(job)

    def drop(self, keys: Iterable[int]) -> None:
        """Stop training these trials; their results as they stand come as events."""
        dropped = frozenset(keys)
        for worker in self._workers:
            if own := dropped & worker.open_keys:
                worker.actor.tell.remote(Drop(own))

    def events(self, timeout: float) -> list[Event]:
        """What has happened, after waiting for it at most so many seconds."""
        hearings = [worker.hearing for worker in self._workers]
        if not ray.wait(hearings, timeout=timeout)[0]:
            return []
        ready, _ = ray.wait(hearings, num_returns=len(hearings), timeout=0)
        found: list[Event] = []
        for worker in [w for w in self._workers if w.hearing in ready]:
            try:
                messages = ray.get(worker.hearing)
            except RayError as error:
                found.append(self._replace(worker, error))
            else:
                worker.hearing = worker.actor.hear.remote()
                for message in messages:
                    found += worker.on_message(message)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; what they were training is lost."""
        for worker in self._workers:
            ray.kill(worker.actor)

    def _idle(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.ready and not worker.busy]

    def _start(self, start: int) -> _Worker:
        actor = self._actors.remote()
        actor.train.remote(self._setup, self._checkpoints, self._data)
        return _Worker(start=start, actor=actor, hearing=actor.hear.remote())

    def _replace(self, worker: _Worker, error: RayError) -> Event:
        ray.kill(worker.actor)  # it lives on where its node is only out of reach
        cause = str(error).strip().splitlines()[-1].strip()  # below a traceback, or Ray's account
        reason = one_line(cause.partition(". ")[0])
        start = worker.next_start()
        if start is None or (isinstance(error, RayTaskError) and not worker.ready):
            raise UserError(f"search.executor.ray: a worker could not start: {reason}")
        self._workers[self._workers.index(worker)] = self._start(start)
        return worker.on_death(reason)
