"""About how long a study takes on this machine, from a few batches that are timed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import fmean

import optuna

from moe_search.engine.messages import Asked
from moe_search.errors import UserError
from moe_search.search.executors.base import ENVIRONMENT
from moe_search.search.executors.local import plan
from moe_search.search.outlook.size import epochs_of, size_of
from moe_search.search.suggest import suggest
from moe_search.spec import Configuration, Study
from moe_search.stores.quiet import silence

_DRAWN = 4  # configurations that are timed


@dataclass(frozen=True)
class Estimate:
    """About how long a study takes where no trial is pruned.

    Attributes:
        seconds: of wall time, without what comes before the first step and behind the last.
        workers: how many share the work.
        population: models that each trains in step.
        configurations: how many were timed.
    """

    seconds: float
    workers: int
    population: int
    configurations: int


def estimate(study: Study) -> Estimate:
    """Times a batch of some configurations, drawn at random, on all workers at once.

    Raises:
        UserError: it trains elsewhere, or cannot train.
    """
    if study.search.executor is not None:
        raise UserError(
            "--estimate: times this machine, and the study trains elsewhere; add --set "
            "search.executor=local to time it here"
        )
    planned, drawn = plan(study), _drawn(study)
    processes = [
        _start(Asked(study.source, device, planned.population, drawn)) for device in planned.devices
    ]
    epoch_seconds = [_answer(process) for process in processes]
    trainings = [
        fmean(seconds) * epochs_of(one)
        for one, seconds in zip(drawn, zip(*epoch_seconds, strict=True), strict=True)
    ]
    workers = len(planned.devices)
    seconds = size_of(study).trainings * fmean(trainings) / workers
    return Estimate(seconds, workers, planned.population, len(drawn))


def _drawn(study: Study) -> tuple[Configuration, ...]:
    """A few configurations as a search begins with them, always the same."""
    silence()
    space = optuna.create_study(sampler=optuna.samplers.RandomSampler(study.search.seed))
    drawn = (study.configuration(suggest(space.ask(), study)) for _ in range(_DRAWN))
    return tuple(dict.fromkeys(drawn))


def _start(asked: Asked) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "moe_search.engine.timing"],
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(asked.written())
    process.stdin.close()
    return process


def _answer(process: subprocess.Popen[bytes]) -> list[float]:
    """Seconds of an epoch of one model of each configuration."""
    assert process.stdout is not None
    with process:
        answered = process.stdout.read()
    if process.returncode:
        raise RuntimeError("a population could not be timed; the traceback is above")
    seconds: list[float] = json.loads(answered)
    return seconds
