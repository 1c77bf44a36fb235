"""CMA-ES."""

from optuna.samplers import BaseSampler, CmaEsSampler

from moe_search.spec.sections import Search


def build(search: Search, seed: int) -> BaseSampler:
    """Optuna's; categorical values and the first trials are drawn independently."""
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)
