"""What an answer costs: beside the operations that torch counts in plain modules."""

import pytest
import torch
from support.reference_model import PlainMixture, PlainNetwork, layer_list
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from moe_search.moe.architecture import Architecture, OutputRule
from moe_search.moe.cost import Cost, cost
from moe_search.spec import PRESETS
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.layers import multiply_adds

COLOUR, GREY, TABLE = (3, 32, 32), (1, 28, 28), (30,)
EXPERTS, CLASSES = 5, 7


def preset_shape(preset: str) -> tuple[int, ...]:
    if preset.startswith("mlp"):
        return TABLE
    return COLOUR if preset.startswith(("cifar", "residual", "conv")) else GREY


def architecture(
    preset: str, gate: str | None = "original", output: str = "mixture", k: int = 1
) -> Architecture:
    return Architecture(PRESETS[preset], preset_shape(preset), CLASSES, gate, OutputRule(output, k))


def counted(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Half of the operations that torch counts: each is a multiplication or an addition."""
    module.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, *shape))
    return int(counter.get_total_flops()) // 2


class Answers(nn.Module):
    """Of a plain mixture: all that it evaluates for one sample."""

    def __init__(self, mixture: PlainMixture) -> None:
        super().__init__()
        self.mixture = mixture

    def forward(self, x: torch.Tensor) -> None:
        self.mixture.logits(x)
        self.mixture.outputs(x)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_costs_what_torch_counts(preset: str) -> None:
    backbone, shape = PRESETS[preset], preset_shape(preset)
    layers = layer_list(backbone.expert), layer_list(backbone.gate)
    plain = PlainMixture(*layers, shape, CLASSES, EXPERTS)
    assert cost(architecture(preset), EXPERTS) == Cost(EXPERTS, counted(Answers(plain), shape))
    single = counted(PlainNetwork(layers[0], shape, CLASSES), shape)
    assert cost(architecture(preset, gate=None), 1) == Cost(1, single)


def test_experts_that_are_not_asked_cost_nothing() -> None:
    all_of_them = cost(architecture("mlp"), EXPERTS)
    assert all_of_them is not None
    expert = multiply_adds(PRESETS["mlp"].expert, TABLE)
    assert expert is not None
    one = expert + 16 * CLASSES
    gate = all_of_them.multiply_adds - EXPERTS * one
    for output, k, evaluated in (("top_k", 2, 2), ("top_k", 9, 5), ("stochastic", 1, 1)):
        found = cost(architecture("mlp", output=output, k=k), EXPERTS)
        assert found == Cost(evaluated, gate + evaluated * one)


def test_a_gate_that_hears_the_experts_needs_all_of_them() -> None:
    plain, attentive = (
        cost(architecture("mlp", gate, "top_k", 2), EXPERTS) for gate in ("original", "attentive")
    )
    assert plain is not None
    assert attentive is not None
    assert (plain.experts, attentive.experts) == (2, EXPERTS)
    whole = cost(architecture("mlp"), EXPERTS)
    assert whole is not None
    assert attentive.multiply_adds == whole.multiply_adds + 2 * 16**2


class SoftAnswer(nn.Module):
    """Soft MoE of the preset ``conv`` as products of matrices, of one sample.

    Shape suffixes: I width of a token, T token, R slot, S slot of one expert.
    """

    def __init__(self, slots: int) -> None:
        super().__init__()
        backbone, shape = PRESETS["conv"], preset_shape("conv")
        self.trunk = PlainNetwork(layer_list(backbone.gate[:-3]), shape, None)
        dense = layer_list(backbone.expert[-3:])
        self.experts = nn.ModuleList(PlainNetwork(dense, (64,), None) for _ in range(EXPERTS))
        self.slot_RI = nn.Parameter(torch.zeros(EXPERTS * slots, 64))
        self.classifier = nn.Linear(32, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        token_IT = self.trunk.hidden(x).view(64, -1)
        z_RT = self.slot_RI @ token_IT
        own = (z_RT.softmax(1) @ token_IT.t()).chunk(EXPERTS)
        said = []
        for expert, slot_SI in zip(self.experts, own, strict=True):
            assert isinstance(expert, PlainNetwork)
            said.append(expert.hidden(slot_SI))
        answer: torch.Tensor = self.classifier(z_RT.softmax(0).mean(1)[None] @ torch.cat(said))
        return answer


@pytest.mark.parametrize("slots", [1, 3])
def test_soft_moe_costs_what_torch_counts(slots: int) -> None:
    rule = OutputRule("product")
    soft = Architecture(PRESETS["conv"], preset_shape("conv"), CLASSES, "soft", rule, slots)
    assert cost(soft, EXPERTS) == Cost(EXPERTS, counted(SoftAnswer(slots), preset_shape("conv")))


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_costs_something_known(gate: str) -> None:
    assert cost(architecture("conv", gate), EXPERTS) is not None


def test_layers_that_do_not_fit_have_no_cost() -> None:
    assert multiply_adds(PRESETS["conv"].expert, (3, 1, 1)) is None
