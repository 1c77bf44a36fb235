"""What every gate has.

Shape suffixes: P model, N expert of any model, M expert within its model, C class, B sample,
D width of the hidden representation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from moe_search.moe.architecture import Architecture
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.stack import StackedNetworks
from moe_search.ops.invariant import sum_over_experts
from moe_search.spec.configuration import Model


class ExpertOutputs(NamedTuple):
    """What the experts of a population make of a batch: representations and probabilities."""

    hidden_NDB: Tensor
    outputs_PMCB: Tensor


class Gate(nn.Module):
    """The gates of a population: p(e|x) = softmax over e of its logits / T, T the temperature.

    Every parameter and buffer has a first axis: the models, or the experts of all models for those
    that ``per_expert`` names. They are made by ``torch.zeros`` or ``torch.ones`` and drawn later:
    so a package's shapes can be checked before memory is taken for them.

    Args:
        architecture: what the models share.
        axis: which expert is whose.
        fused: take the fast form of what has one.

    Attributes:
        per_expert: how the names of those begin that each expert has of its own.
        random: what a gate with noise draws it from in training, one source for each expert.
    """

    per_expert: tuple[str, ...] = ()
    random: Sequence[Generator] = ()

    def __init__(self, architecture: Architecture, axis: ExpertAxis, fused: bool) -> None:
        super().__init__()
        self.axis = axis
        if architecture.rule.biased:
            self.register_buffer("choice_bias", torch.zeros(sum(axis.experts)))
            self.per_expert += ("choice_bias",)

    def rebalance(self, chosen_PMB: Tensor, rate_P: Tensor) -> None:
        """Move the bias of each expert, for the choice of the top k, towards balance.

        b_e <- b_e + u sign(mean load - load_e), the load being the samples of the batch that an
        expert was sent. Source: "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-
        Experts" (Wang et al., arXiv 2408.15664), as in DeepSeek-V3.

        Args:
            chosen_PMB: whether a sample was sent to an expert.
            rate_P: u of each model.
        """
        load_PM = chosen_PMB.sum(2)
        mean_P = sum_over_experts(load_PM) / self.axis.experts_P
        step_PM = rate_P[:, None] * (mean_P[:, None] - load_PM).sign()
        self.get_buffer("choice_bias").add_(self.axis.unfold(step_PM))

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Logits [P, M, B], minus infinity where there is no expert.

        Args:
            x: [C, H, W, B] or [F, B], normalised.
            experts: what the experts make of it; None where only the gate is asked, which happens
                to gates whose ``GateKind`` does not say that they evaluate experts.
        """
        raise NotImplementedError

    def rows(self) -> Tensor:
        """The vector [N, D] of each expert, of a gate whose ``GateKind`` says that it has some."""
        raise NotImplementedError

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's weights; those of a gate without any need no number."""

    def configure(self, model: int, chosen: Model) -> None:
        """Set what one model's hyperparameters say of its gate, once its weights are drawn."""


class NetworkGate(Gate):
    """A gate with a network of its own, the backbone's ``gate``."""

    def __init__(self, architecture: Architecture, axis: ExpertAxis, fused: bool) -> None:
        super().__init__(architecture, axis, fused)
        layers, shape = architecture.backbone.gate, architecture.shape
        self.body = StackedNetworks(layers, shape, axis.models, fused)

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's network."""
        self.body.initialise(model, generator)

    def configure(self, model: int, chosen: Model) -> None:
        """Set the network to 0 where ``gate_weights`` says so."""
        if chosen.gate_weights == "zero":
            self.zero(model)

    def zero(self, model: int) -> None:
        """Set weights and biases of one model's network to 0.

        As the authors of arXiv 2302.14703 started some gates ("init_0"). The hidden
        representation is then 0 and so is the gradient of every weight; only the last bias learns.
        """
        self.body.zero(model)
