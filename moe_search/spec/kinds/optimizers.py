"""Optimizers: how weights follow from gradients."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class OptimizerKind(Kind):
    """An optimizer.

    Attributes:
        has_momentum: whether ``training.momentum`` has a meaning.
    """

    has_momentum: bool = False


OPTIMIZERS = Kinds(
    OptimizerKind,
    {
        "adam": OptimizerKind(
            meaning="Adam with L2",
            made_by="moe_search.engine.optimizers.adam:Adam",
        ),
        "adamw": OptimizerKind(
            meaning="Adam with decoupled weight decay",
            made_by="moe_search.engine.optimizers.adamw:AdamW",
        ),
        "sgd": OptimizerKind(
            meaning="gradient descent with momentum (not Nesterov's) and L2",
            made_by="moe_search.engine.optimizers.sgd:SGD",
            has_momentum=True,
        ),
    },
)
