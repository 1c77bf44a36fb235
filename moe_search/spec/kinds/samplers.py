"""Samplers: how configurations are proposed."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class SamplerKind(Kind):
    """A sampler; ``made_by`` names a function of a study and a seed.

    Attributes:
        several_objectives: whether it can search a front.
        tries_all: whether it tries every configuration of a finite space once, instead of drawing.
        pruner: the one that belongs to it; None where any goes with it.
    """

    several_objectives: bool = True
    tries_all: bool = False
    pruner: str | None = None


SAMPLERS = Kinds(
    SamplerKind,
    {
        "auto": SamplerKind(
            meaning="noisy-gp; tpe for pareto and for more than 500 trials",
            made_by="moe_search.search.samplers.auto:build",
        ),
        "noisy-gp": SamplerKind(
            meaning="Gaussian process that fits the noise of seeds and knows what is under way",
            made_by="moe_search.search.samplers.noisy_gp:build",
            several_objectives=False,
        ),
        "tpe": SamplerKind(
            meaning="tree-structured Parzen estimator: more of what the best trials had",
            made_by="moe_search.search.samplers.tpe:build",
        ),
        "bohb": SamplerKind(
            meaning="BOHB (Falkner, Klein & Hutter 2018): what tpe with the pruner hyperband is",
            made_by="moe_search.search.samplers.tpe:build",
            same_as="tpe with hyperband",
            several_objectives=False,
            pruner="hyperband",
        ),
        "gp": SamplerKind(
            meaning="Gaussian process: the best expected improvement",
            made_by="moe_search.search.samplers.gp:build",
        ),
        "cma-es": SamplerKind(
            meaning="CMA-ES: a normal distribution that moves to better values",
            made_by="moe_search.search.samplers.cma_es:build",
            several_objectives=False,
        ),
        "random": SamplerKind(
            meaning="independent draws",
            made_by="moe_search.search.samplers.random:build",
        ),
        "grid": SamplerKind(
            meaning="every configuration of a finite space once",
            made_by="moe_search.search.samplers.random:build",
            tries_all=True,
        ),
        "qmc": SamplerKind(
            meaning="quasi-random draws that fill the space evenly",
            made_by="moe_search.search.samplers.qmc:build",
        ),
    },
)
