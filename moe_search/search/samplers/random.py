"""Independent draws; also what fills in for a grid, whose points are queued beforehand."""

from optuna.samplers import BaseSampler, RandomSampler

from moe_search.search.surrogate.earlier import Earlier
from moe_search.spec import Study


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """Optuna's."""
    return RandomSampler(seed=seed)
