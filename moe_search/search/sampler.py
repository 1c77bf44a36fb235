"""Optuna's samplers and pruners as study.yaml names them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.pruners import SuccessiveHalvingPruner as SuccessiveHalving
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from moe_search.engine.stages import DECISIVE, last_epoch
from moe_search.spec import Choices, FloatRange, IntRange, Parameter, Study, Value

_REDUCTION = 3


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


def pruner(study: Study) -> BasePruner:
    """The study's pruner; a step is an epoch."""
    match study.pruner:
        case "hyperband":
            return HyperbandPruner(_first_rung(study), longest(study), _REDUCTION)
        case "successive_halving":
            return SuccessiveHalving(_first_rung(study), reduction_factor=_REDUCTION)
        case "median":
            return MedianPruner(n_warmup_steps=_first_rung(study))
        case _:
            return NopPruner()


def decides_at(study: Study, epoch: int) -> bool:
    """Whether the pruner may stop a trial at this epoch; asking it costs reads of the store."""
    if study.pruner in ("hyperband", "successive_halving"):
        rung = _first_rung(study)
        while rung < epoch:
            rung *= _REDUCTION
        return rung == epoch
    return study.pruner == "median"


def _first_rung(study: Study) -> int:
    """Epochs every trial gets: experts divide the task after the loss has begun to fall."""
    return max(1, longest(study) // 6)


def longest(study: Study) -> int:
    """The most epochs a trial of this study can have."""
    options = [_longest_of(parameter) for parameter in study.parameters]
    return max(last_epoch(study.configuration(dict(values))) for values in product(*options))


def _longest_of(parameter: Parameter) -> list[tuple[str, Value]]:
    """Those values, with their path, among which one makes a training the longest."""
    match parameter.domain:
        case Choices(choices=choices):
            values = choices if parameter.path in DECISIVE else choices[:1]
        case IntRange(high=high) | FloatRange(high=high):
            values = (high,)
    return [(parameter.path, value) for value in values]


@contextmanager
def without_warning() -> Iterator[None]:
    """Keep from people that Optuna calls something experimental: they did not choose it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def silence() -> None:
    """Keep Optuna's own log lines out of the progress display."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
