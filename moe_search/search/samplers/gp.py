"""Gaussian process."""

from optuna.samplers import BaseSampler, GPSampler

from moe_search.spec import Study


def build(study: Study, seed: int) -> BaseSampler:
    """Optuna's; it loads torch when it is first asked."""
    return GPSampler(seed=seed)
