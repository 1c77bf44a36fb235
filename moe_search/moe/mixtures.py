"""A population of mixtures of experts as one module; a single model is a population of one.

Shape suffixes: P model, N expert of any model, M expert within its model, C class, B sample,
D width of the hidden representation. Inputs are [C, H, W, B] or [F, B], normalised.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn

from moe_search.moe.architecture import Architecture, State
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.base import ExpertOutputs, Gate
from moe_search.moe.layers.dense import Dense
from moe_search.moe.layers.dropout import StackedDropout
from moe_search.moe.outputs.base import Rule, load_rule
from moe_search.moe.stack import StackedNetworks
from moe_search.spec.configuration import Model
from moe_search.spec.kinds.gates import GATES

ModelPart = Literal["experts", "gate"]
"""Of a model: what can learn, be frozen or be drawn again by itself."""


class Mixtures(nn.Module):
    """P mixtures of experts of one architecture with their own expert counts and temperatures.

    ``build`` makes those of any gate; subclasses are mixtures whose gate and experts are one.

    Args:
        architecture: what they share.
        experts: expert count of each model.
        temperatures: gate temperature of each model.
        fused: take the fast form of what has one; needs a C++ compiler on a CPU.

    Raises:
        MemberError: what makes the gate is no ``Gate``.

    Attributes:
        per_expert: how names of weights begin that each expert has of its own.
    """

    per_expert: tuple[str, ...] = ("bodies.", "heads.")
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
        self.axis = ExpertAxis(experts)
        self.register_buffer("temperature_P", torch.tensor(temperatures), persistent=False)
        self._build(fused)

    def _build(self, fused: bool) -> None:
        shared, experts = self.architecture, sum(self.axis.experts)
        self.bodies = StackedNetworks(shared.backbone.expert, shared.shape, experts, fused)
        self.heads = Dense(experts, self.bodies.width, shared.classes, fused, rectified=True)
        self.gate = _gate(shared, self.axis, fused)
        if self.gate is not None:
            self.per_expert += tuple(f"gate.{name}" for name in self.gate.per_expert)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gate logits over temperature [P, M, B] and experts' class probabilities [P, M, C, B]."""
        logits_PMB, experts = self.answers(x)
        return logits_PMB, experts.outputs_PMCB

    def answers(self, x: Tensor) -> tuple[Tensor, ExpertOutputs]:
        """Gate logits over temperature [P, M, B], and what all experts make of a batch."""
        experts = self.experts(x)
        return self.gate_logits(x, experts), experts

    def experts(self, x: Tensor) -> ExpertOutputs:
        """What all experts make of a batch."""
        hidden_NDB = self.bodies(x)
        return ExpertOutputs(hidden_NDB, self.axis.fold(self.heads(hidden_NDB).softmax(1)))

    def gate_logits(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Gate logits over temperature [P, M, B]; see ``gate_needs_experts``."""
        if self.gate is None:
            return x.new_zeros(self.axis.models, 1, x.shape[-1])
        logits_PMB: Tensor = self.gate(x, experts)
        return logits_PMB / self.temperature_P[:, None, None]

    def rule(self) -> Rule:
        """The output rule, with the bias that it chooses experts by, if there is one."""
        return load_rule(self.architecture.rule, self._bias if self._biased else None)

    @property
    def gate_needs_experts(self) -> bool:
        """Whether the gate scores experts by what they say, so that all must be evaluated."""
        gate = self.architecture.gate
        return gate is not None and GATES[gate].evaluates_experts

    def expert(self, expert: int, x: Tensor) -> Tensor:
        """Class probabilities [C, B] of one expert of the ragged axis, evaluating only that one."""
        row = slice(expert, expert + 1)
        output_1CB: Tensor = self.heads(self.bodies(x, row), row).softmax(1)
        return output_1CB[0]

    @property
    def _biased(self) -> bool:
        return self.gate is not None and self.architecture.rule.biased

    def _bias(self) -> Tensor:
        assert self.gate is not None, "a single network chooses no experts"
        return self.axis.fold(self.gate.get_buffer("choice_bias"))

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's weights: gate, then expert after expert (body, head)."""
        if self.gate is not None:
            self.gate.initialise(model, generator)
        for expert in self.axis.experts_of(model):
            self.bodies.initialise(expert, generator)
            self.heads.initialise(expert, generator)

    def configure(self, model: int, chosen: Model) -> None:
        """Set what one model's hyperparameters say of its gate, once its weights are drawn."""
        if self.gate is not None:
            self.gate.configure(model, chosen)

    def draw_from(self, source: Callable[[int, int], Generator]) -> None:
        """Give every dropout what it draws from.

        Args:
            source: of the dropout's number among all, and an expert's place in its model; the place
                in networks that are not the experts' is 0.
        """
        dropouts = [
            (name, layer)
            for name, layer in self.named_modules()
            if isinstance(layer, StackedDropout)
        ]
        for number, (name, layer) in enumerate(dropouts):
            of_experts = name.startswith(self.per_expert)
            places = self.axis.experts if of_experts else [1] * self.axis.models
            sources = [source(number, place) for place in range(max(places))]
            layer.draw_from(sources, [place for count in places for place in range(count)])

    def set_training(self, frozen: ModelPart | None) -> None:
        """Training mode; what is frozen gets no gradients and keeps its batch statistics."""
        self.train()
        for name, child in self.named_children():
            trained = frozen is None or frozen != part_of(f"{name}.")
            child.train(trained).requires_grad_(trained)

    def parameters_of(self, part: ModelPart) -> list[nn.Parameter]:
        """What a part of every model learns."""
        return [weight for name, weight in self.named_parameters() if part_of(name) == part]

    def rows(self, name: str, model: int) -> slice:
        """Where one model's share of a parameter or buffer lies on its first axis."""
        if name.startswith(self.per_expert):
            return self.axis.rows(model)
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


def part_of(name: str) -> ModelPart:
    """The part of a model that a parameter or buffer belongs to."""
    return "gate" if name.startswith("gate.") else "experts"


def _gate(architecture: Architecture, axis: ExpertAxis, fused: bool) -> Gate | None:
    """The gates of a population, not yet drawn; single networks have none."""
    if architecture.gate is None:
        return None
    return GATES[architecture.gate].load_class(Gate)(architecture, axis, fused)
