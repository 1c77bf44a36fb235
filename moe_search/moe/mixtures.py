"""A population of mixtures of experts as one module; a single model is a population of one.

Shape suffixes: P model, N expert of any model, M expert within its model, C class, B sample,
D width of the hidden representation. Inputs are [C, H, W, B] or [F, B], normalised.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn

from moe_search.moe.architecture import Architecture, State
from moe_search.moe.expert_axis import Layout
from moe_search.moe.gates import (
    AttentiveGate,
    CosineGate,
    Evaluated,
    Gate,
    LoudestGate,
    OriginalGate,
)
from moe_search.moe.networks import Dense, StackedNetworks

EXPERTS = ("bodies.", "heads.")
"""How the names of the experts' parameters and buffers start."""


class Mixtures(nn.Module):
    """P mixtures of experts of one architecture with their own expert counts and temperatures.

    Args:
        architecture: what they share.
        experts: expert count of each model.
        temperatures: gate temperature of each model.
        fused: take the fast form of what has one; needs a C++ compiler on a CPU.
    """

    per_expert: ClassVar[tuple[str, ...]] = (*EXPERTS, "gate.head.")
    """How names of weights begin that each expert has of its own."""
    temperature_P: Tensor

    def __init__(
        self,
        architecture: Architecture,
        experts: Sequence[int],
        temperatures: Sequence[float],
        fused: bool = False,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.layout = Layout(experts)
        self.register_buffer("temperature_P", torch.tensor(temperatures), persistent=False)
        self._build(fused)

    def _build(self, fused: bool) -> None:
        given, experts = self.architecture, sum(self.layout.experts)
        self.bodies = StackedNetworks(given.backbone.expert, given.shape, experts, fused)
        self.heads = Dense(experts, self.bodies.width, given.classes, fused, rectified=True)
        self.gate = _gate(given, self.layout, fused)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gate logits over temperature [P, M, B] and experts' class probabilities [P, M, C, B]."""
        experts = self.experts(x)
        return self.gate_logits(x, experts), experts.outputs_PMCB

    def experts(self, x: Tensor) -> Evaluated:
        """What all experts make of a batch."""
        hidden_NDB = self.bodies(x)
        return Evaluated(hidden_NDB, self.layout.fold(self.heads(hidden_NDB).softmax(1)))

    def gate_logits(self, x: Tensor, experts: Evaluated | None = None) -> Tensor:
        """Gate logits over temperature [P, M, B]; see ``gate_needs_experts``."""
        if self.gate is None:
            return x.new_zeros(self.layout.models, 1, x.shape[-1])
        logits_PMB: Tensor = self.gate(x, experts)
        return logits_PMB / self.temperature_P[:, None, None]

    @property
    def gate_needs_experts(self) -> bool:
        """Whether the gate scores experts by what they say, so that all must be evaluated."""
        return self.gate is not None and self.gate.evaluates_experts

    def expert(self, expert: int, x: Tensor) -> Tensor:
        """Class probabilities [C, B] of one expert of the ragged axis, evaluating only that one."""
        row = slice(expert, expert + 1)
        output_1CB: Tensor = self.heads(self.bodies(x, row), row).softmax(1)
        return output_1CB[0]

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's weights: gate, then expert after expert (body, head)."""
        if self.gate is not None:
            self.gate.initialise(model, generator)
        rows = self.layout.rows(model)
        for expert in range(rows.start, rows.stop):
            self.bodies.initialise(expert, generator)
            self.heads.initialise(expert, generator)

    def perturb(self, model: int, perturbation: float) -> None:
        """Set what one model's cosine gate adds to its norms; a part of its state."""
        assert isinstance(self.gate, CosineGate)
        self.gate.perturbation[model] = perturbation

    def zero_gate(self, model: int) -> None:
        """Set weights and biases of one model's gate network to 0; W_q and W_k are kept.

        As the authors of arXiv 2302.14703 started some gates ("init_0"). The hidden
        representation is then 0 and so is the gradient of every weight; only the last bias learns.
        An original gate gives every sample the same distribution forever, and so one expert the
        most of it; an attentive one still tells samples apart by the experts' representations.
        (With zeros in the output layer alone, or in the weights but not in the biases, an original
        gate learns.)
        """
        for name, parameter in self.named_parameters():
            if name.startswith(("gate.body.", "gate.head.")):
                parameter.data[self.rows(name, model)] = 0.0

    def set_training(self, frozen: Literal["experts", "gate"] | None) -> None:
        """Training mode; what is frozen gets no gradients and keeps its batch statistics."""
        self.train()
        for name, part in self.named_children():
            trained = frozen != ("gate" if name == "gate" else "experts")
            part.train(trained).requires_grad_(trained)

    def rows(self, name: str, model: int) -> slice:
        """Where one model's share of a parameter or buffer lies on its first axis."""
        if name.startswith(self.per_expert):
            return self.layout.rows(model)
        return slice(model, model + 1)

    def state_of(self, model: int) -> State:
        """A copy of one model's weights."""
        return {
            name: tensor[self.rows(name, model)].detach().cpu().numpy().copy()
            for name, tensor in self.state_dict().items()
        }

    def load_states(self, states: Sequence[State]) -> None:
        """Set every model's weights."""
        names = self.state_dict().keys()
        joined = {name: np.concatenate([state[name] for state in states]) for name in names}
        self.load_state_dict({name: torch.from_numpy(array) for name, array in joined.items()})


def _gate(architecture: Architecture, layout: Layout, fused: bool) -> Gate | None:
    """The gates of a population, not yet drawn."""
    if architecture.gate is None:
        return None
    if architecture.gate == "loudest":
        return LoudestGate(layout)
    layers, shape = architecture.backbone.gate, architecture.shape
    body = StackedNetworks(layers, shape, layout.models, fused)
    match architecture.gate:
        case "original" | "expert_loss":
            return OriginalGate(body, layout)
        case "attentive":
            return AttentiveGate(body, layout)
        case "cosine" | "perturbed_cosine":
            return CosineGate(body, layout)
        case "soft":
            raise ValueError("a soft gate and its experts are SoftMixtures")
    raise ValueError(f"{architecture.gate} is no gate")
