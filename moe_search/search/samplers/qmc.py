"""Quasi-random draws that fill the space evenly."""

from optuna.samplers import BaseSampler, QMCSampler

from moe_search.search.quiet import without_warning
from moe_search.spec.sections import Search


def build(search: Search, seed: int) -> BaseSampler:
    """Optuna's; its sequence goes on by itself, so it keeps the study's own seed."""
    with without_warning():
        return QMCSampler(seed=search.seed, warn_independent_sampling=False)
