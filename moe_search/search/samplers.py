"""Optuna's samplers and pruners as study.yaml names them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from moe_search.spec import Study


def sampler(study: Study, trials: int) -> BaseSampler:
    """The study's sampler, going on after a number of trials.

    Its seed follows from the study's seed and that number: a sampler that started from the same
    seed again would propose the first configurations again.
    """
    (state,) = np.random.SeedSequence([study.search.seed, trials]).generate_state(1)
    seed = int(state)
    match study.search.sampler:
        case "tpe":
            return TPESampler(seed=seed)
        case "gp":
            return GPSampler(seed=seed)
        case "cma-es":
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
        case "qmc":
            with without_warning():
                return QMCSampler(seed=study.search.seed, warn_independent_sampling=False)
        case "random" | "grid":  # the whole grid is queued beforehand
            return RandomSampler(seed=seed)


@contextmanager
def without_warning() -> Iterator[None]:
    """Keep from people that Optuna calls something experimental: they did not choose it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def silence() -> None:
    """Keep Optuna's own log lines out of the progress display."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
