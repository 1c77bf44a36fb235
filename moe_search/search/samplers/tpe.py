"""Tree-structured Parzen estimator."""

from optuna.samplers import BaseSampler, TPESampler

from moe_search.spec.sections import Search


def build(search: Search, seed: int) -> BaseSampler:
    """Optuna's, with its defaults."""
    return TPESampler(seed=seed)
