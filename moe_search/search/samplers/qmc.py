"""Quasi-random draws that fill the space evenly."""

from optuna.samplers import BaseSampler, QMCSampler

from moe_search.search.surrogate.earlier import Earlier
from moe_search.spec import Study
from moe_search.stores.quiet import without_warning


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """Optuna's; its sequence goes on by itself, so it keeps the study's own seed."""
    with without_warning():
        return QMCSampler(seed=study.search.seed, warn_independent_sampling=False)
