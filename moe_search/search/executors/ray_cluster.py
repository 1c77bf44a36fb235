"""The Ray cluster on which a study trains, and how many workers it has room for."""

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path

from moe_search.data import Dataset
from moe_search.engine.checkpoints import Checkpoints
from moe_search.errors import UserError
from moe_search.progress import Note, Progress, Working
from moe_search.search.executors.base import Executor, Plan, population
from moe_search.spec import Study
from moe_search.spec.kinds.executors import Ray
from moe_search.words import one_line

LOOPBACK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's own switch for a node that is 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What Ray finds in the environment when it is loaded to start a cluster."""

UV = ("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
"""Ray's own switch, for `uv run`: else it would send the current folder, data and all, to nodes."""

_TOKEN = Path(".ray", "auth_token")  # in the home folder; a cluster of Ray's own making leaves it
_PATIENCE = 10.0  # seconds; Ray's own is two minutes


class RayOpener:
    """Actors of a Ray cluster.

    Args:
        study: that names it, with options.
        progress: told what takes a while, and how many workers there is no room for.
    """

    def __init__(self, study: Study, progress: Progress) -> None:
        assert study.search.executor is not None
        options = study.search.executor.options
        assert isinstance(options, Ray)
        self._study, self._options, self._progress = study, options, progress

    def joined(self) -> AbstractContextManager[None]:
        """With the cluster."""
        self._progress(Working("joining the Ray cluster"))
        return connected(self._options)

    def plan(self) -> Plan:
        """As many workers as the cluster has room for."""
        return plan(self._study, self._options, self._progress)

    def open(
        self, plan: Plan, data: Dataset, checkpoints: Checkpoints
    ) -> AbstractContextManager[Executor]:
        """The actors, which are sent the data."""
        from moe_search.search.executors.ray import RayExecutor  # loads Ray

        return RayExecutor(plan, self._options, data, checkpoints)


@contextmanager
def connected(given: Ray) -> Iterator[None]:
    """Join the cluster, or start one of this machine alone that ends with the context.

    Raises:
        UserError: Ray is not installed, or there is no cluster that answers.
    """
    os.environ.setdefault(*UV)
    if given.address == "local":
        os.environ.update(LOOPBACK)
    try:
        import ray
    except ModuleNotFoundError as error:
        what = "search.executor: Ray is not installed; pip install 'moe-search[ray]'"
        raise UserError(what) from error
    try:
        if given.address == "auto":
            _check_answers(os.environ.get("RAY_ADDRESS", ""))
        ray.init(
            address=given.address,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        what = (
            f"search.executor.ray: no cluster answers ({error}); start one with `ray start "
            f"--head` on this machine, or name it as HOST:PORT in RAY_ADDRESS{_token_hint()}"
        )
        raise UserError(one_line(what)) from error
    with redirect_stdout(sys.stderr):  # where else Ray would tell, to its end, of nodes that died
        try:
            yield
        finally:
            ray.shutdown()


def _token_hint() -> str:
    """What else may be wrong where Ray, unasked, sends a token to a cluster that takes none."""
    if "RAY_AUTH_MODE" in os.environ or not (Path.home() / _TOKEN).exists():
        return ""
    return f"; Ray sends it the token in ~/{_TOKEN}: if it takes none, set RAY_AUTH_MODE=disabled"


def _check_answers(address: str) -> None:
    """Raise an ``OSError`` if nothing listens at HOST:PORT; other addresses are Ray's to judge."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()


def plan(study: Study, given: Ray, progress: Progress) -> Plan:
    """As many workers as the connected cluster has room for, unless study.yaml says how many.

    A worker takes one CPU and its share of a GPU. Those beyond the room there is wait for nodes
    that join, such as those that Ray's autoscaler adds for them.

    Raises:
        UserError: there is room for none, and the study does not say how many to wait for.
    """
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    own = [node["Resources"] for node in nodes if node["Alive"]]
    room = sum(_room(resources, given.gpus_per_worker) for resources in own)
    workers = room if study.search.workers == "auto" else study.search.workers
    if workers > room:
        progress(Note(f"the Ray cluster has room for {room} of {workers} workers now"))
    if not workers:
        gpus = f" and {given.gpus_per_worker} GPU" if given.gpus_per_worker else ""
        raise UserError(
            f"search.executor.ray: no node of the cluster has 1 CPU{gpus} for a worker; give "
            "search.workers a number to wait for nodes that join"
        )
    cuda = given.gpus_per_worker > 0
    return Plan(("cuda" if cuda else "cpu",) * workers, population(study, cuda))


def _room(resources: Mapping[str, float], gpus_per_worker: float) -> int:
    """Workers that fit on a node with these resources; none shares out over two GPUs."""
    cpus = int(resources.get("CPU", 0))
    if not gpus_per_worker:
        return cpus
    return min(cpus, int(resources.get("GPU", 0)) * int(1 / gpus_per_worker))
