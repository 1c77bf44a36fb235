"""What the service costs per trial: ask, reports, pruning, MLflow, model, figures, tell.

Training is a stand-in of a millisecond on eight workers that reports 20 epochs of plausible
numbers for the paper's MNIST network; the stores are real sqlite files. Prints the cost per trial
in windows of trials, so that growth shows, the coordinator's memory, and how fast both dashboards
answer on the finished study: ``python tests/benchmarks/service.py [TRIALS]`` (1,000 by default). No
trial is pruned, so that each pays for everything.
"""

import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, TypeVar
from unittest.mock import patch
from urllib.request import Request, urlopen

import numpy as np
import optuna

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.fake_workers import CLASSES, SAMPLES, StandIn, decomposition

from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.trial import TrialSpec, expert_count
from moe_search.moe.architecture import Architecture, State
from moe_search.moe.decomposition import Decomposition
from moe_search.package.config import Card
from moe_search.search.batches import Batches
from moe_search.search.coordinator import Coordinator
from moe_search.search.events import Event, Started, TrialEnded
from moe_search.search.interrupt import Interrupt
from moe_search.search.proposals import Proposals
from moe_search.search.recorder import Recorder
from moe_search.search.session import Session
from moe_search.search.study_store import open_study
from moe_search.spec import PRESETS, Configuration, Study, load_study
from moe_search.stores.mlflow import open_store
from moe_search.stores.optuna import open_storage
from moe_search.stores.quiet import silence
from moe_search.tracking.provenance import provenance
from moe_search.tracking.runs import Tracker

T = TypeVar("T")
WORKERS = 8


@cache
def drawn(key: int, experts: int) -> Decomposition:
    """What a trial of the paper's MNIST network plausibly comes to."""
    random = np.random.default_rng(key)
    soft_CM = random.dirichlet(np.full(experts, 0.3), CLASSES) * SAMPLES / CLASSES
    own_MCK = random.dirichlet(np.full(CLASSES, 0.3), (experts, CLASSES)) * SAMPLES / CLASSES
    return replace(
        decomposition(experts, random.uniform(0.9, 0.97), (), random.uniform(0, 0.3)),
        soft_CM=soft_CM,
        hard_CM=soft_CM.round(),
        chosen_MK=soft_CM.T.round(),
        confusion_MCK=own_MCK.round(),
    )


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    """A millisecond of training for each trial."""
    if epoch == 1:
        time.sleep(0.001)
    return drawn(spec.key, expert_count(spec.configuration))


def load_torch() -> None:
    """As workers do before the first trial."""
    from support import drawn_models  # noqa: F401


def weights(architecture: Architecture, experts: int, seed: int) -> State:
    """Weights of a model, in a process of their own: only workers load torch."""
    from support.drawn_models import drawn_weights

    return drawn_weights(architecture, experts, seed)


STUDY = """\
name: service
data: mnist
model:
  experts: {low: 2, high: 16}
  gate: {choices: [original, attentive]}
  temperature: {low: 0.3, high: 3.0, log: true}
regularizer:
  kind: {choices: [none, importance, similarity]}
  weight: {low: 0.01, high: 3.0, log: true}
search: {pruner: none, collapse: off}
"""


class Stopwatch:
    """How long each call of some functions took, in seconds."""

    def __init__(self) -> None:
        self.ask: list[float] = []
        self.tell: list[float] = []

    def timed(self, function: Callable[..., T], into: list[float]) -> Callable[..., T]:
        """The function, which notes its times."""

        def call(*arguments: object, **named: object) -> T:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                into.append(time.perf_counter() - started)

        return call


def run(study: Study, stopwatch: Stopwatch, worker: Executor) -> list[float]:
    """Run it with stand-in training; when the first trial started and when each ended."""
    ended: list[float] = []

    def listener(event: Event) -> None:
        if isinstance(event, Started):
            ended.append(time.perf_counter())
        if isinstance(event, TrialEnded):
            assert event.state == "complete", event
            ended.append(time.perf_counter())

    card = Card("mnist", tuple("0123456789"), (0.1307,), (0.3081,))

    def sent(*model: Any) -> State:
        return worker.submit(weights, *model).result()

    def architecture(configuration: Configuration) -> Architecture:
        return Architecture.of(configuration, PRESETS["mnist"], (1, 28, 28), len(card.classes))

    workers = StandIn(train, sent, workers=WORKERS)
    batches = Batches(study.source, architecture, 4, WORKERS, lambda _: False)
    kept = open_study(study, open_storage(study.optuna_url))
    tracker = Tracker(
        open_store(study.mlflow_url, create=True), study, card, provenance(study.folder)
    )
    recorder = Recorder(tracker, study.artifacts_folder)
    checkpoints = Checkpoints(study.checkpoints_folder, study.source)
    session = Session(study, kept, recorder, workers, batches, checkpoints, Interrupt(), listener)
    with (
        patch.object(Proposals, "ask", stopwatch.timed(Proposals.ask, stopwatch.ask)),
        patch.object(optuna.Study, "tell", stopwatch.timed(optuna.Study.tell, stopwatch.tell)),
    ):
        Coordinator(session).run()
    tracker.close("FINISHED")
    return ended


def dashboards(path: Path) -> None:
    """Start both on the study and print how long they take to answer with its trials."""
    ports = free_port(), free_port()
    options = [f"--optuna-port={ports[0]}", f"--mlflow-port={ports[1]}"]
    command = ["moe-search", "dashboard", str(path), *options]
    runs = {"experiment_ids": ["1"], "max_results": 100, "order_by": ["metrics.value DESC"]}
    questions = {
        "Optuna, the study with its trials": Request(
            f"http://127.0.0.1:{ports[0]}/api/studies/1?after=0"
        ),
        "MLflow, the best hundred runs": Request(
            f"http://127.0.0.1:{ports[1]}/api/2.0/mlflow/runs/search",
            json.dumps(runs).encode(),
            {"Content-Type": "application/json"},
        ),
    }
    with Popen(command, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("MLflow"):
                break
        for name, question in questions.items():
            for visit in ("first", "second"):
                started = time.perf_counter()
                with urlopen(question, timeout=60) as answer:
                    size = len(answer.read())
                seconds = time.perf_counter() - started
                print(f"{name}: {seconds:.2f} s on the {visit} visit ({size / 1e6:.1f} MB)")
        process.send_signal(signal.SIGINT)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory() -> dict[str, int]:
    """Resident memory of this process in MB: all of it, its own, and mapped files' (libraries)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kinds = {"VmRSS": "in all", "RssAnon": "its own", "RssFile": "mapped libraries"}
    found = (line.partition(":") for line in lines)
    return {kinds[name]: int(kb.split()[0]) // 1024 for name, _, kb in found if name in kinds}


def main() -> None:
    """Run the study and print the windows."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    silence()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        path = Path(folder, "study.yaml")
        path.write_text(STUDY)
        stopwatch = Stopwatch()
        imported = memory()
        with ProcessPoolExecutor(1, get_context("spawn")) as worker:
            worker.submit(load_torch).result()
            ended = run(load_study(path, [f"search.trials={trials}"]), stopwatch, worker)
        assert "torch" not in sys.modules
        costs = 1000 * np.diff(ended)
        asks, tells = 1000 * np.array(stopwatch.ask), 1000 * np.array(stopwatch.tell)
        for first in range(0, trials, max(trials // 20, 50)):
            window = slice(first, first + 50)
            print(
                f"trials {first:5d} to {first + len(costs[window]):5d}: "
                f"{costs[window].mean():6.1f} ms a trial, of which ask {asks[window].mean():5.1f}"
                f" and tell {tells[window].mean():5.1f}"
            )
        start, end = costs[10:60].mean(), costs[-50:].mean()
        print(f"after {trials} trials a trial costs {end / start:.2f} times what it does after 50")
        print(f"{trials / (ended[-1] - ended[0]):.1f} trials a second")
        for kind, amount in memory().items():
            print(f"memory of the coordinator, {kind}: {amount} MB ({imported[kind]} at first)")
        dashboards(path)


if __name__ == "__main__":
    main()
