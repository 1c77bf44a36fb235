"""Gaussian process."""

from optuna.samplers import BaseSampler, GPSampler

from moe_search.spec.sections import Search


def build(search: Search, seed: int) -> BaseSampler:
    """Optuna's; it loads torch when it is first asked."""
    return GPSampler(seed=seed)
