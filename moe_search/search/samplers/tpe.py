"""Tree-structured Parzen estimator."""

from optuna.samplers import BaseSampler, TPESampler

from moe_search.search.surrogate.earlier import Earlier
from moe_search.spec import Study


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """Optuna's, with its defaults."""
    return TPESampler(seed=seed)
