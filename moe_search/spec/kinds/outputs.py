"""Output rules: how experts' outputs become the model's."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class OutputKind(Kind):
    """An output rule.

    Attributes:
        chosen: whether study.yaml chooses it; others come with a gate that needs them.
        one_expert: whether inference evaluates one expert per sample.
        routes: whether inference sends a sample to some of the experts and not to all.
    """

    chosen: bool = True
    one_expert: bool = False
    routes: bool = False


OUTPUTS = Kinds(
    OutputKind,
    {
        "mixture": OutputKind(
            meaning="the mean of the experts' probabilities by the gate's",
            made_by="moe_search.moe.outputs.mixture:Mixture",
        ),
        "stochastic": OutputKind(
            meaning="one expert answers, drawn by the gate in training",
            made_by="moe_search.moe.outputs.stochastic:Stochastic",
            one_expert=True,
            routes=True,
        ),
        "top_k": OutputKind(
            meaning="the mean of the k most probable experts' probabilities",
            made_by="moe_search.moe.outputs.top_k:TopK",
            routes=True,
        ),
        "expert_loss": OutputKind(
            meaning="the expert answers whose loss the gate predicts to be the least",
            made_by="moe_search.moe.outputs.expert_loss:ExpertLoss",
            chosen=False,
            one_expert=True,
            routes=True,
        ),
        "product": OutputKind(
            meaning="the product of the experts' probabilities, each to the power of its share",
            made_by="moe_search.moe.outputs.product:Product",
            chosen=False,
        ),
    },
)
