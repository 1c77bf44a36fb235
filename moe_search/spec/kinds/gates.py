"""Gates: how the experts are scored for each sample."""

from collections.abc import Callable
from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class GateKind(Kind):
    """A gate.

    Attributes:
        learns: whether the model's loss trains it through its shares of the experts, so that terms
            of the regularizer have something to say to it.
        has_network: whether it has a body of its own, the backbone's ``gate``.
        evaluates_experts: whether it scores experts by what they say, so that all are evaluated.
        has_temperature: whether its logits are divided by a gate temperature.
        rule: the output rule that it needs; None where study.yaml chooses one.
        equal_widths: whether the representations of gate and experts must be equally wide.
        has_shares: whether a softmax of its logits over the experts is what its network learns, so
            that gate and experts can learn at two temperatures.
        may_start_at_zero: whether it has a meaning with all weights of its network zero.
        has_slots: whether its experts get slots, means of positions of a feature map.
        noisy: whether it adds noise to its logits in training, of a scale that it learns.
        has_rows: whether it has a vector of each expert, which it compares its representation with.
        rectified: whether it sees the experts' representations after their ReLU.
        perturbed: whether it adds ``model.perturbation`` to the norms that it divides by.
        multiply_adds: of scoring one sample's experts by the gate's and their representations,
            given their number and the width of a representation; None: not known.
    """

    learns: bool = True
    has_network: bool = True
    evaluates_experts: bool = False
    has_temperature: bool = True
    rule: str | None = None
    equal_widths: bool = False
    has_shares: bool = True
    may_start_at_zero: bool = False
    has_slots: bool = False
    noisy: bool = False
    has_rows: bool = False
    rectified: bool = False
    perturbed: bool = False
    multiply_adds: Callable[[int, int], int] | None = None

    @property
    def distils(self) -> bool:
        """Whether what it learned can be taught to an original gate, which needs no expert."""
        return self.has_network and self.evaluates_experts


def _by_rows(experts: int, width: int) -> int:
    """One product with a vector of each expert."""
    return experts * width


def _by_attention(experts: int, width: int) -> int:
    """Two square matrices, then one product with what each expert says."""
    return 2 * width**2 + experts * width


GATES = Kinds(
    GateKind,
    {
        "original": GateKind(
            meaning="a network of its own with one output per expert",
            made_by="moe_search.moe.gates.original:OriginalGate",
            may_start_at_zero=True,
            has_rows=True,
            multiply_adds=_by_rows,
        ),
        "attentive": GateKind(
            meaning="attention of its network's representation over the experts'",
            made_by="moe_search.moe.gates.attentive:AttentiveGate",
            evaluates_experts=True,
            equal_widths=True,
            may_start_at_zero=True,
            multiply_adds=_by_attention,
        ),
        "attentive_relu": GateKind(
            meaning="the same over the experts' representations after their ReLU",
            made_by="moe_search.moe.gates.attentive:AttentiveGate",
            evaluates_experts=True,
            equal_widths=True,
            may_start_at_zero=True,
            rectified=True,
            multiply_adds=_by_attention,
        ),
        "cosine": GateKind(
            meaning="the cosine of its network's representation with a vector of each expert; "
            "give it a low temperature, such as 0.07",
            made_by="moe_search.moe.gates.cosine:CosineGate",
            has_rows=True,
            multiply_adds=_by_rows,
        ),
        "perturbed_cosine": GateKind(
            meaning="the same with model.perturbation added to both norms",
            made_by="moe_search.moe.gates.cosine:CosineGate",
            has_rows=True,
            perturbed=True,
            multiply_adds=_by_rows,
        ),
        "noisy": GateKind(
            meaning="the original one with noise in training; with output top_k that of Shazeer",
            made_by="moe_search.moe.gates.noisy:NoisyGate",
            noisy=True,
            has_rows=True,
            multiply_adds=_by_rows,
        ),
        "sigmoid": GateKind(
            meaning="the original one with each expert scored by itself, as in DeepSeek-V3",
            made_by="moe_search.moe.gates.sigmoid:SigmoidGate",
            has_temperature=False,
            has_shares=False,
            has_rows=True,
            multiply_adds=_by_rows,
        ),
        "loudest": GateKind(
            meaning="no network: the surer an expert is of its answer, the more it gets",
            made_by="moe_search.moe.gates.loudest:LoudestGate",
            learns=False,
            has_network=False,
            evaluates_experts=True,
            has_shares=False,
            multiply_adds=lambda experts, width: 0,
        ),
        "expert_loss": GateKind(
            meaning="a network that predicts each expert's loss; the best prediction answers",
            made_by="moe_search.moe.gates.original:OriginalGate",
            learns=False,
            has_temperature=False,
            rule="expert_loss",
            has_shares=False,
            may_start_at_zero=True,
            multiply_adds=_by_rows,
        ),
        "soft": GateKind(
            meaning="Soft MoE: each expert gets means of the positions of the gate's feature map",
            made_by="moe_search.moe.soft:SoftMixtures",
            has_network=False,
            evaluates_experts=True,
            rule="product",
            has_shares=False,
            has_slots=True,
        ),
    },
    group="moe_search.gates",
)
