"""Optuna's samplers as study.yaml names them: a file a sampler."""

from collections.abc import Callable

import numpy as np
from optuna.samplers import BaseSampler

from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.spec.sections import Search


def make_sampler(search: Search, trials: int) -> BaseSampler:
    """The sampler of a study that goes on after a number of trials.

    Its seed follows from the study's seed and that number: a sampler that started from the same
    seed again would propose the first configurations again.
    """
    (state,) = np.random.SeedSequence([search.seed, trials]).generate_state(1)
    build: Callable[[Search, int], BaseSampler] = SAMPLERS[search.sampler].load()
    return build(search, int(state))
