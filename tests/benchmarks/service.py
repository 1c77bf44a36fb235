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
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from standin import CLASSES, SAMPLES, StandIn, decomposition

from moe_search.engine.trial import TrialSpec, expert_count
from moe_search.moe.decomposition import Decomposition
from moe_search.search.batches import Batches
from moe_search.search.coordinator import Coordinator
from moe_search.search.events import Event, Started, TrialEnded
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


def main() -> None:
    """Run the study and print the windows."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    silence()
    with tempfile.TemporaryDirectory() as folder:
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
        ended: list[float] = []

        def listener(event: Event) -> None:
            if isinstance(event, Started):
                ended.append(time.perf_counter())
            if isinstance(event, TrialEnded):
                assert event.state == "complete", event
                ended.append(time.perf_counter())

        card = Card("mnist", tuple("0123456789"), (0.1307,), (0.3081,))
        workers = StandIn(train, shape=(1, 28, 28))
        batches = Batches(
            source_of(study), lambda _: PRESETS["mnist"], 4, workers.workers, lambda _: False
        )
        kept = open_study(study, open_storage(study))
        recorder = Recorder(Tracker(study, card), open_artifacts(study))
        Coordinator(Session(study, kept, recorder, workers, batches, Interrupt(), listener)).run()
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
