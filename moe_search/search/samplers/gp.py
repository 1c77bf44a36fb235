"""Gaussian process."""

from optuna.samplers import BaseSampler, GPSampler

from moe_search.search.surrogate.earlier import Earlier
from moe_search.spec import Study


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """Optuna's; it loads torch when it is first asked."""
    return GPSampler(seed=seed)
