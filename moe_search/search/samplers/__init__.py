"""Optuna's samplers as study.yaml names them: a file a sampler."""

from collections.abc import Callable

import numpy as np
from optuna.samplers import BaseSampler

from moe_search.search.surrogate.earlier import NOTHING, Earlier
from moe_search.spec import Study
from moe_search.spec.kinds.samplers import SAMPLERS


def make_sampler(study: Study, trials: int, earlier: Earlier = NOTHING) -> BaseSampler:
    """The sampler of a study that goes on after a number of trials.

    Its seed follows from the study's seed and that number: a sampler that started from the same
    seed again would propose the first configurations again.
    """
    (state,) = np.random.SeedSequence([study.search.seed, trials]).generate_state(1)
    build: Callable[[Study, int, Earlier], BaseSampler] = SAMPLERS[study.search.sampler].load()
    return build(study, int(state), earlier)
