"""Gates: the networks that score the experts for each sample.

Shape suffixes: P model, N expert of any model, M expert within its model, C class, B sample,
D width of the hidden representation.

A gate returns logits; p(e|x) = softmax over e of logits / T, with T the gate temperature.
"""

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from moe_search.moe.expert_axis import Layout
from moe_search.moe.networks import Dense, StackedNetworks, Weighted
from moe_search.ops.invariant import rowwise_product, spread_over_experts

_SMALLEST_NORM = 1e-12  # keeps the cosine with a vector of zeros finite


class Evaluated(NamedTuple):
    """What the experts of a population make of a batch."""

    hidden_NDB: Tensor
    outputs_PMCB: Tensor


class OriginalGate(nn.Module):
    """The gate of Jacobs et al. (1991): a network of its own with one output per expert."""

    evaluates_experts: ClassVar[bool] = False

    def __init__(self, body: StackedNetworks, layout: Layout) -> None:
        super().__init__()
        self.body = body
        self.head = Dense(sum(layout.experts), body.width, 1)
        self.layout = layout

    def forward(self, x: Tensor, experts: Evaluated | None = None) -> Tensor:
        """Logits [P, M, B]; what the experts say is not looked at."""
        weight_PMD = self.layout.fold(self.head.weight).squeeze(2)
        bias_PM1 = self.layout.fold(self.head.biases(slice(None)))
        scores_PMB = rowwise_product(weight_PMD, torch.relu(self.body(x)))
        return self.layout.mask(scores_PMB + bias_PM1)

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the body, then one output per expert."""
        self.body.initialise(model, generator)
        rows = self.layout.rows(model)
        for expert in range(rows.start, rows.stop):
            self.head.initialise(expert, generator)


class AttentiveGate(nn.Module):
    """Attention of the gate's representation (query) over the experts' (keys).

    logit_e = (W_q h_g) . (W_k h_e) / sqrt(d), without values or biases; one W_k serves all experts
    of a model. Source: "Improving Expert Specialization in Mixture of Experts" (arXiv 2302.14703),
    as in its authors' code. Computed as (W_k' W_q h_g) . h_e: one product, not one per expert.
    """

    evaluates_experts: ClassVar[bool] = True

    def __init__(self, body: StackedNetworks, layout: Layout) -> None:
        super().__init__()
        width = body.width
        self.body = body
        self.query = Weighted(layout.models, (width, width), width, bias=False)
        self.key = Weighted(layout.models, (width, width), width, bias=False)
        self.layout = layout

    def forward(self, x: Tensor, experts: Evaluated | None = None) -> Tensor:
        """Logits [P, M, B] from the input and the experts' hidden representations."""
        assert experts is not None, "the attentive gate needs the experts' representations"
        query_PDB = self.query.weight @ self.body(x)
        score_PDB = self.key.weight.transpose(1, 2) @ query_PDB / math.sqrt(self.body.width)
        hidden_PMDB = self.layout.fold(experts.hidden_NDB)
        score_PMDB = spread_over_experts(score_PDB, hidden_PMDB.shape[1])
        return self.layout.mask((hidden_PMDB * score_PMDB).sum(2))

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the body, W_q, W_k."""
        for part in (self.body, self.query, self.key):
            part.initialise(model, generator)


class CosineGate(nn.Module):
    """The cosine between the gate's representation and a vector of each expert.

    logit_e = <h_g, w_e> / ((|h_g| + t) (|w_e| + t)), with t = 0 in the plain cosine router and
    t > 0 in the perturbed one. Source: "Statistical Advantages of Perturbing Cosine Router in
    Mixture of Experts" (arXiv 2405.14131), where both norms have a t of their own; here they share
    it. The papers divide by a temperature that is learned or fixed: here it is the gate
    temperature. Plain logits lie between -1 and 1, so at temperature 1 no expert of two gets more
    than 88 %; cosine routers are run at temperatures like 0.07.
    """

    evaluates_experts: ClassVar[bool] = False
    perturbation: Tensor

    def __init__(self, body: StackedNetworks, layout: Layout) -> None:
        super().__init__()
        self.body = body
        self.head = Weighted(sum(layout.experts), (body.width,), body.width, bias=False)
        self.register_buffer("perturbation", torch.zeros(layout.models))
        self.layout = layout

    def forward(self, x: Tensor, experts: Evaluated | None = None) -> Tensor:
        """Logits [P, M, B]; what the experts say is not looked at."""
        gate_PDB = self._direction(self.body(x), 1)
        expert_PMD = self._direction(self.layout.fold(self.head.weight), 2)
        return self.layout.mask(rowwise_product(expert_PMD, gate_PDB))

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the body, then one vector per expert."""
        self.body.initialise(model, generator)
        rows = self.layout.rows(model)
        for expert in range(rows.start, rows.stop):
            self.head.initialise(expert, generator)

    def _direction(self, vectors: Tensor, dim: int) -> Tensor:
        """Each model's vectors over their perturbed norm."""
        norm: Tensor = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
        perturbed = norm + self.perturbation[:, None, None]
        return vectors / perturbed.clamp(min=_SMALLEST_NORM)


class LoudestGate(nn.Module):
    """No network: the surer an expert is of its own answer, the more it gets.

    logit_e = -H(o_e(x)), the entropy in bits of the expert's class probabilities, which are taken
    as given: the gate passes no gradient to them. It needs no labels. Source: the no-gate training
    by entropy of arXiv 2302.14703's authors, who train it by the stochastic rule's loss with the
    gate temperature lowered in four quarters.
    """

    evaluates_experts: ClassVar[bool] = True

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

    def forward(self, x: Tensor, experts: Evaluated | None = None) -> Tensor:
        """Logits [P, M, B] from the experts' class probabilities."""
        assert experts is not None, "the loudest expert is found among answers"
        outputs_PMCB = experts.outputs_PMCB.detach()
        bits_PMB = -torch.special.xlogy(outputs_PMCB, outputs_PMCB).sum(2) / math.log(2)
        return self.layout.mask(-bits_PMB)

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw nothing."""


Gate = OriginalGate | AttentiveGate | CosineGate | LoudestGate
