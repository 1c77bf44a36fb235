"""What fits a study best."""

from optuna.samplers import BaseSampler

from moe_search.search.samplers import noisy_gp, tpe
from moe_search.search.surrogate.earlier import Earlier
from moe_search.spec import Study

_MOST = 500
"""Trials up to which the Gaussian process is asked: a proposal costs their number's cube."""


def build(study: Study, seed: int, earlier: Earlier) -> BaseSampler:
    """The Gaussian process; TPE for several objectives, and for very many trials."""
    if study.objective.pareto or study.search.trials > _MOST:
        return tpe.build(study, seed, earlier)
    return noisy_gp.build(study, seed, earlier)
