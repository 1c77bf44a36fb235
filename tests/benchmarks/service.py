"""What the service costs per trial: ask, reports, pruning, MLflow, model, figures, tell.

Training is a stand-in of a millisecond that reports 20 epochs of plausible numbers for the paper's
MNIST network; the stores are real sqlite files. Prints the cost per trial in windows of trials, so
that growth shows: ``python tests/benchmarks/service.py [TRIALS]`` (1,000 by default). No trial is
pruned, so that each pays for everything.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from moe_search.engine.trial import (
    EpochReport,
    Job,
    TrialResult,
    TrialSpec,
    architecture,
    expert_count,
)
from moe_search.moe.decomposition import Decomposition
from moe_search.moe.mixtures import Mixtures
from moe_search.search.batches import Batches
from moe_search.search.coordinator import Coordinator
from moe_search.search.events import Event as Told
from moe_search.search.events import TrialEnded
from moe_search.search.executor import Event
from moe_search.search.interrupt import Interrupt
from moe_search.search.recorder import Recorder
from moe_search.search.run import source_of
from moe_search.search.sampler import silence
from moe_search.search.session import Session
from moe_search.search.store import open_storage, open_study
from moe_search.spec import PRESETS, Study
from moe_search.tracking.notes import open_artifacts
from moe_search.tracking.package import Card
from moe_search.tracking.runs import Tracker

CLASSES, SHAPE, SAMPLES = 10, (1, 28, 28), 10_000


class StandIn:
    """An executor whose training takes a millisecond a trial."""

    workers = 2

    def __init__(self) -> None:
        self._events: list[Event] = []
        self.idle = self.workers

    def submit(self, job: Job) -> None:
        """Train at once."""
        for spec in job.trials:
            time.sleep(0.001)
            self._events += trained(spec, job)

    def drop(self, keys: Iterable[int]) -> None:
        """Nothing is running."""

    def events(self, timeout: float) -> list[Event]:
        """All that has been trained."""
        events, self._events = self._events, []
        return events


def trained(spec: TrialSpec, job: Job) -> Iterator[Event]:
    """Reports and result of one trial; worse at first for worse configurations, never pruned."""
    drawn = np.random.default_rng(spec.key)
    experts = expert_count(spec.configuration)
    found = decomposition(experts, drawn)
    reports = []
    for epoch in range(1, spec.configuration.training.epochs + 1):
        metrics = found.metrics()
        reports.append(EpochReport(spec.key, epoch, metrics, 0.1, found.usage_M))
        yield reports[-1]
    kind = architecture(spec.configuration, job.backbone, SHAPE, CLASSES)
    mixtures = Mixtures(kind, [experts], [1.0])
    mixtures.initialise(0, torch.Generator().manual_seed(0))
    yield TrialResult(
        key=spec.key,
        seed=spec.seed,
        complete=True,
        configuration=spec.configuration,
        history=tuple(reports),
        validation=found,
        test=None,
        architecture=kind,
        experts=experts,
        state=mixtures.state_of(0),
        seconds=0.001,
    )


def decomposition(experts: int, drawn: np.random.Generator) -> Decomposition:
    """A decomposition of 10,000 samples."""
    soft_CM = drawn.dirichlet(np.full(experts, 0.3), CLASSES) * SAMPLES / CLASSES
    own_MCK = drawn.dirichlet(np.full(CLASSES, 0.3), (experts, CLASSES)) * SAMPLES / CLASSES
    right = drawn.uniform(0.9, 0.97)
    model_CK = np.full((CLASSES, CLASSES), (1 - right) / 9) + np.eye(CLASSES) * (right - 0.1)
    return Decomposition(
        soft_CM=soft_CM,
        hard_CM=soft_CM.round(),
        chosen_MK=soft_CM.T.round(),
        confusion_MCK=own_MCK.round(),
        model_CK=(model_CK * SAMPLES / CLASSES).round(),
        sample_entropy=float(drawn.uniform(0, 0.3)),
        loss=0.1,
    )


@contextmanager
def quiet_folder() -> Iterator[Path]:
    """A folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    """Run the study and print the windows."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    silence()
    with quiet_folder() as folder:
        os.chdir(folder)
        study = Study.model_validate(
            {
                "name": "service",
                "data": "mnist",
                "model": {
                    "experts": {"low": 2, "high": 16},
                    "gate": {"choices": ["original", "attentive"]},
                    "temperature": {"low": 0.3, "high": 3.0, "log": True},
                },
                "regularizer": {
                    "kind": {"choices": ["none", "importance", "similarity"]},
                    "weight": {"low": 0.01, "high": 3.0, "log": True},
                },
                "search": {"trials": trials, "pruner": "none", "collapse": False},
            }
        )
        ended = [time.perf_counter()]

        def listener(event: Told) -> None:
            if isinstance(event, TrialEnded):
                assert event.state == "complete", event
                ended.append(time.perf_counter())

        card = Card("mnist", tuple("0123456789"), (0.1307,), (0.3081,))
        batches = Batches(source_of(study), lambda _: PRESETS["mnist"], 4, StandIn.workers)
        kept = open_study(study, open_storage(study))
        recorder = Recorder(Tracker(study, card), open_artifacts(study))
        Coordinator(Session(study, kept, recorder, StandIn(), batches, Interrupt(), listener)).run()
        costs = 1000 * np.diff(ended)
        for first in range(0, trials, max(trials // 20, 50)):
            window = costs[first : first + 50]
            print(
                f"trials {first:5d} to {first + len(window):5d}: {window.mean():6.1f} ms a trial"
                f" (median {np.median(window):.1f})"
            )
        start, end = costs[10:60].mean(), costs[-50:].mean()
        print(f"after {trials} trials a trial costs {end / start:.2f} times what it does after 50")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of the coordinator {memory:.0f} MB")


if __name__ == "__main__":
    main()
