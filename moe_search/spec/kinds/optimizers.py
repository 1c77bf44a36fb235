"""Optimizers: how weights follow from gradients."""

from moe_search.spec.kinds.kind import Kind, Kinds

OPTIMIZERS = Kinds(
    Kind,
    {
        "adam": Kind(
            meaning="Adam with L2",
            made_by="moe_search.engine.optimizers.adam:Adam",
        ),
        "adamw": Kind(
            meaning="Adam with decoupled weight decay",
            made_by="moe_search.engine.optimizers.adamw:AdamW",
        ),
        "sgd": Kind(
            meaning="gradient descent with momentum 0.9 (not Nesterov's) and L2",
            made_by="moe_search.engine.optimizers.sgd:SGD",
        ),
    },
)
