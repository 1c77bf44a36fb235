"""Cosine routers, plain and perturbed.

Shape suffixes: P model, M expert within its model, B sample, D width of the hidden representation.
"""

import torch
from torch import Generator, Tensor

from moe_search.moe.architecture import Architecture
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.base import ExpertOutputs, NetworkGate
from moe_search.moe.layers.base import Weighted
from moe_search.ops.invariant import rowwise_product
from moe_search.spec.configuration import Model
from moe_search.spec.kinds.gates import GATES

_SMALLEST_NORM = 1e-12  # keeps the cosine with a vector of zeros finite


class CosineGate(NetworkGate):
    """The cosine between the gate's representation and a vector of each expert.

    logit_e = <h_g, w_e> / ((|h_g| + t) (|w_e| + t)), with t = 0 in the plain cosine router and
    t > 0 in the perturbed one. Source: "Statistical Advantages of Perturbing Cosine Router in
    Mixture of Experts" (arXiv 2405.14131), where both norms have a t of their own; here they share
    it. The papers divide by a temperature that is learned or fixed: here it is the gate
    temperature. Plain logits lie between -1 and 1, so at temperature 1 no expert of two gets more
    than 88 %; cosine routers are run at temperatures like 0.07.
    """

    per_expert = ("head.",)
    perturbation: Tensor

    def __init__(self, architecture: Architecture, axis: ExpertAxis, fused: bool) -> None:
        super().__init__(architecture, axis, fused)
        width = self.body.width
        self.head = Weighted(sum(axis.experts), (width,), width, bias=False)
        self.register_buffer("perturbation", torch.zeros(axis.models))

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Logits [P, M, B]; what the experts say is not looked at."""
        gate_PDB = self._direction(self.body(x), 1)
        expert_PMD = self._direction(self.axis.fold(self.head.weight), 2)
        return self.axis.mask(rowwise_product(expert_PMD, gate_PDB))

    def rows(self) -> Tensor:
        """The vector [N, D] of each expert."""
        return self.head.weight

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the network, then one vector per expert."""
        super().initialise(model, generator)
        for expert in self.axis.experts_of(model):
            self.head.initialise(expert, generator)

    def configure(self, model: int, chosen: Model) -> None:
        """Set t, a part of the model's state."""
        super().configure(model, chosen)
        if GATES[chosen.gate].perturbed:
            self.perturbation[model] = chosen.perturbation

    def _direction(self, vectors: Tensor, dim: int) -> Tensor:
        """Each model's vectors over their perturbed norm."""
        norm: Tensor = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
        perturbed = norm + self.perturbation[:, None, None]
        return vectors / perturbed.clamp(min=_SMALLEST_NORM)
