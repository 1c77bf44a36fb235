"""Coordinators in processes of their own, to be killed: ``python -m support.killed_coordinators``.

It runs a study once, so that all is imported, then forks a coordinator for each line on stdin,
which is a JSON list of folder, place and number of trials. It prints the coordinator's process
number, and its exit status when it has ended. The place is one of ``BOUNDARIES``, where the process
dies as by kill -9; or "hold": then it holds the study's lock and waits; or "": then it runs to its
end.
"""

import json
import os
import pkgutil
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from unittest.mock import patch

from optuna.trial import TrialState

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.search.study_store import COUNTED
from moe_search.spec import Study
from moe_search.stores.lock import study_lock
from support.fake_workers import Fails, Kills, decomposition
from support.study_runs import check_ledger, check_results, run, study_in
from support.study_runs import trials as found

BOUNDARIES = {
    "queued": ("optuna.Study.enqueue_trial", "after", 1),
    "replicate queued": ("moe_search.search.proposals.enqueue", "after", 1),
    "replicate given": ("moe_search.search.racing.replicates.Replicates.begin", "after", 5),
    "asked": ("optuna.Study.ask", "after", 3),
    "suggested": ("moe_search.search.suggest.suggest", "after", 3),
    "given": ("support.fake_workers.StandIn.submit", "after", 2),
    "reported": ("optuna.Trial.report", "after", 3),
    "constrained": ("moe_search.search.coordinator.set_constraints", "after", 3),
    "run made": ("mlflow.MlflowClient.create_run", "after", 3),
    "model made": ("mlflow.MlflowClient.create_logged_model", "after", 3),
    "model logged": ("mlflow.MlflowClient.finalize_logged_model", "after", 3),
    "logging": ("moe_search.tracking.child_runs.ChildRuns._log_points", "before", 3),
    "run ended": ("mlflow.MlflowClient.set_terminated", "after", 3),
    "logged": ("moe_search.search.recorder.Recorder.complete", "after", 3),
    "told": ("optuna.Study.tell", "after", 3),
}
"""Between ask and tell: what is called there, and after or before which of its calls to die."""

FINALS = {
    "finalist given": ("support.fake_workers.StandIn._result", "before", 6),
    "finalist logged": ("moe_search.search.recorder.Recorder.finalist", "after", 2),
    "crowned": ("moe_search.tracking.runs.Tracker.register_champion", "after", 1),
}

MENDING = {
    "requeued": ("moe_search.search.mending.requeue", "after", 1),
    "failed": ("optuna.Study.tell", "after", 1),
    "run found": ("mlflow.MlflowClient.set_tag", "after", 1),
    "run killed": ("mlflow.MlflowClient.set_terminated", "after", 1),
}
"""While a start mends what an earlier death left."""


@contextmanager
def with_replicates() -> Iterator[None]:
    """Lets these short studies have replicates: two of five trials."""
    share = patch("moe_search.search.racing.replicates._SHARE", 0.4)
    with share, patch("moe_search.search.surrogate.beliefs.FEWEST", 2):
        yield


PLACES = BOUNDARIES | FINALS | MENDING


def study(folder: Path, trials: int = 5) -> Study:
    """Trials that fail do not end it."""
    return study_in(
        folder,
        search={
            "trials": trials,
            "race": "on",
            "max_failures": 1000,
            "points": [{"model.temperature": 0.9}],
        },
        objective={"constraints": {"max_expert_share": {"at_most": 0.9}}},
        finalists={"top": 1, "seeds": 2},
    )


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    """Better the higher the temperature."""
    return decomposition(5, 0.5 + 0.1 * spec.configuration.model.temperature)


def perilous(spec: TrialSpec, epoch: int) -> Decomposition:
    """Some configurations raise, some collapse, and any worker may die."""
    kind = int(1000 * spec.configuration.model.temperature) % 8
    if kind == 0 and epoch == 2:
        raise Fails("no luck")
    if random.random() < 0.02:
        raise Kills("its worker died (signal SIGKILL)")
    if kind == 1:
        return decomposition(5, 0.5, (1.0, 0.0, 0.0, 0.0, 0.0))
    return train(spec, epoch)


def check(folder: Path, wanted: int = 5) -> None:
    """The study is where it should be, in both stores."""
    asked = study(folder, wanted)
    assert len(found(asked, *COUNTED)) == wanted
    assert not found(asked, TrialState.RUNNING, TrialState.WAITING)
    check_ledger(asked)
    check_results(asked)


class Coordinators(AbstractContextManager["Coordinators"]):
    """Starts coordinators, one at a time."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def start(self, folder: Path, place: str = "", trials: int = 5) -> int:
        """Start one; returns its process number."""
        assert self._parent.stdin is not None
        print(json.dumps([str(folder), place, trials]), file=self._parent.stdin)
        return self._number()

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return self._number()

    def _number(self) -> int:
        assert self._parent.stdout is not None
        return int(self._parent.stdout.readline())


def serve() -> None:
    """Run a study, then fork and wait until stdin ends."""
    with TemporaryDirectory() as folder:
        run(study(Path(folder), trials=1), train, test=train)
    for line in sys.stdin:
        folder, place, trials = json.loads(line)
        number = os.fork()
        if number == 0:
            coordinate(Path(folder), place, trials)
            os._exit(0)
        print(number, flush=True)
        _, status = os.waitpid(number, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def coordinate(folder: Path, place: str, trials: int) -> None:
    """Hold the lock, or run, and perhaps die."""
    random.seed(os.getpid())
    if place == "hold":
        held = study(folder)
        with study_lock(held.name, held.addresses):
            (folder / "held").touch()
            signal.pause()
    with with_replicates(), _death_at(place) if place else nullcontext():
        run(study(folder, trials), train if place else perilous, test=train)


def _death_at(place: str) -> AbstractContextManager[Any]:
    path, when, count = PLACES[place]
    call: Callable[..., Any] = pkgutil.resolve_name(path)
    calls = []

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if when == "before" and len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return patch(path, wrapped)


if __name__ == "__main__":
    serve()
