"""CMA-ES."""

from optuna.samplers import BaseSampler, CmaEsSampler

from moe_search.search.surrogate.earlier import Earlier
from moe_search.spec import Study


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """Optuna's; categorical values and the first trials are drawn independently."""
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)
