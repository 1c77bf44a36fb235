"""The attentive gate.

Shape suffixes: P model, M expert within its model, B sample, D width of the hidden representation.
"""

import math

from torch import Generator, Tensor

from moe_search.moe.architecture import Architecture
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.base import ExpertOutputs, NetworkGate
from moe_search.moe.layers.base import Weighted
from moe_search.ops.invariant import spread_over_experts
from moe_search.spec.kinds.gates import GATES


class AttentiveGate(NetworkGate):
    """Attention of the gate's representation (query) over the experts' (keys).

    logit_e = (W_q h_g) . (W_k h_e) / sqrt(d), without values or biases; one W_k serves all experts
    of a model. Source: "Improving Expert Specialization in Mixture of Experts" (arXiv 2302.14703),
    as in its authors' code. Computed as (W_k' W_q h_g) . h_e: one product, not one per expert.

    In the code of the paper's tables h_e is what the body of an expert says before its ReLU; in a
    later one, for MNIST and CIFAR-10, it is what comes after it. Rows say which.

    A network of zeros leaves W_q and W_k as they are drawn, and the gate still tells samples apart
    by the experts' representations.
    """

    def __init__(self, architecture: Architecture, axis: ExpertAxis, fused: bool) -> None:
        super().__init__(architecture, axis, fused)
        self.rectified = GATES[architecture.gate or ""].rectified
        width = self.body.width
        self.query = Weighted(axis.models, (width, width), width, bias=False)
        self.key = Weighted(axis.models, (width, width), width, bias=False)

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Logits [P, M, B] from the input and the experts' hidden representations."""
        assert experts is not None, "the attentive gate needs the experts' representations"
        query_PDB = self.query.weight @ self.body(x)
        score_PDB = self.key.weight.transpose(1, 2) @ query_PDB / math.sqrt(self.body.width)
        hidden_NDB = experts.hidden_NDB.relu() if self.rectified else experts.hidden_NDB
        hidden_PMDB = self.axis.fold(hidden_NDB)
        score_PMDB = spread_over_experts(score_PDB, hidden_PMDB.shape[1])
        return self.axis.mask((hidden_PMDB * score_PMDB).sum(2))

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the network, W_q, W_k."""
        super().initialise(model, generator)
        self.query.initialise(model, generator)
        self.key.initialise(model, generator)
