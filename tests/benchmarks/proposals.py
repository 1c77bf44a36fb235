"""What proposals that are under way at once cost a search, in simulation.

A sampler proposes as many trials as workers train without having seen how those do. Here a formula
stands in for training: it has one best point, prefers a regularizer and the attentive gate, and is
seen through noise, as accuracy is through seeds. Printed is by how much the configuration that
looked best falls short of the best there is, mean and standard error over searches.

Run ``python tests/benchmarks/proposals.py [SEARCHES]`` (60 by default); it takes some minutes.
"""

import math
import sys
from collections import deque
from itertools import product
from statistics import mean, stdev

import numpy as np
import optuna

from moe_search.search.samplers import make_sampler
from moe_search.search.suggest import suggest
from moe_search.spec import Study, Value

TRIALS = (30, 50, 100)
WORKERS = (2, 16)
POPULATIONS = (1, 4, 8)
NOISE = 0.01
BEST = 0.045


def study(trials: int, kind: str) -> Study:
    """The default space and a learning rate."""
    model = {
        "experts": {"low": 2, "high": 16},
        "gate": {"choices": ["original", "attentive"]},
        "temperature": {"low": 0.3, "high": 3.0, "log": True},
    }
    regularizer = {
        "kind": {"choices": ["none", "importance", "similarity"]},
        "weight": {"low": 0.01, "high": 3.0, "log": True},
    }
    return Study.model_validate(
        {
            "name": "proposals",
            "data": "mnist",
            "model": model,
            "regularizer": regularizer,
            "training": {"lr": {"low": 3e-4, "high": 1e-2, "log": True}},
            "search": {"trials": trials, "sampler": kind},
        }
    )


def worth(values: dict[str, Value]) -> float:
    """Of a configuration; at most ``BEST``."""

    def missed(name: str, best: float) -> float:
        return math.log(float(values[name]) / best) ** 2

    found = 0.015 * (values["model.gate"] == "attentive")
    found -= 0.02 * missed("training.lr", 3e-3) + 0.01 * missed("model.temperature", 0.8)
    found -= 0.001 * abs(int(values["model.experts"]) - 9)
    if values["regularizer.kind"] == "importance":
        found += 0.03 - 0.01 * missed("regularizer.weight", 0.4)
    if values["regularizer.kind"] == "similarity":
        found += 0.02 - 0.01 * missed("regularizer.weight", 0.2)
    return found


def shortfall(asked: Study, workers: int, together: int, seed: int) -> float:
    """Of one search, whose workers take turns with populations of one size."""
    seeded = asked.model_copy(update={"search": asked.search.model_copy(update={"seed": seed})})
    kept = optuna.create_study(direction="maximize", sampler=make_sampler(seeded, 0))
    noise = np.random.default_rng(seed)
    under_way: deque[list[tuple[optuna.Trial, float]]] = deque()
    left, found = seeded.search.trials, {}
    while left or under_way:
        while left and len(under_way) < workers:
            job = []
            for _ in range(min(together, -(-left // workers))):
                trial = kept.ask()
                found[trial.number] = worth(suggest(trial, seeded))
                job.append((trial, found[trial.number] + noise.normal(0, NOISE)))
            left -= len(job)
            under_way.append(job)
        for trial, value in under_way.popleft():
            kept.tell(trial, value)
    return BEST - found[kept.best_trial.number]


def main() -> None:
    """Print a line for every number of trials and workers, sampler and population."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    searches = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    for trials, workers in product(TRIALS, WORKERS):
        for kind, together in [*(("tpe", together) for together in POPULATIONS), ("random", 1)]:
            asked = study(trials, kind)
            missed = [shortfall(asked, workers, together, seed) for seed in range(searches)]
            print(
                f"{trials:3} trials, {workers:2} workers, {kind:6}, population {together}: "
                f"{mean(missed):.4f} ± {stdev(missed) / searches**0.5:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
