"""Soft MoE against loops over slots and tokens of one sample, in value and gradient.

Shape suffixes: P model, M expert, S slot of an expert, R slot of a model, T token, I width of a
token, C class, B sample.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.reference_model import PlainNetwork, layer_list, load_body, tensors
from torch import Generator, Tensor, nn

from moe_search.errors import UserError
from moe_search.moe.architecture import Architecture, OutputRule, State
from moe_search.moe.outputs.base import load_rule
from moe_search.moe.soft import SoftMixtures
from moe_search.spec.backbones import PRESETS, Backbone, dense_layers, feature_map
from moe_search.spec.kinds.layers import Conv, Linear, MaxPool

pytestmark = pytest.mark.usefixtures("one_thread")

EXPERTS, TEMPERATURES = (3, 1, 4), (1.0, 0.3, 2.0)
CLASSES, BATCH, SHAPE = 4, 6, (1, 8, 8)
RULE = OutputRule("product")


def drawn(
    slots: int, experts: Sequence[int] = EXPERTS, temperatures: Sequence[float] = TEMPERATURES
) -> SoftMixtures:
    """Mixtures whose model m has the weights of seed m, and slots of different sharpness."""
    backbone = PRESETS["digits"]
    architecture = Architecture(backbone, SHAPE, CLASSES, "soft", RULE, slots)
    mixtures = SoftMixtures(architecture, experts, temperatures)
    for model in range(len(experts)):
        mixtures.initialise(model, Generator().manual_seed(model))
        mixtures.scale_P.data[model] = 2.0 + model
    return mixtures


class PlainSoft(nn.Module):
    """One model, sample after sample, in the paper's terms."""

    def __init__(self, experts: int, slots: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        backbone = PRESETS["digits"]
        trunk, dense = layer_list(backbone.gate[:3]), layer_list(backbone.expert[3:])
        self.trunk = PlainNetwork(trunk, SHAPE, None)
        self.experts = nn.ModuleList(PlainNetwork(dense, (8,), None) for _ in range(experts))
        self.phi_MSI = nn.Parameter(torch.zeros(experts, slots, 8))
        self.scale = nn.Parameter(torch.zeros(()))
        self.classifier = nn.Linear(16, CLASSES)

    def load(self, weights: State) -> None:
        state = tensors(weights)
        load_body(self.trunk, state, "trunk.", 0)
        for n, expert in enumerate(self.experts):
            assert isinstance(expert, PlainNetwork)
            load_body(expert, state, "bodies.", n)
        self.phi_MSI.data = state["slots.weight"]
        self.scale.data = state["scale_P"][0]
        weight, bias = state["heads.weight"][0], state["heads.bias"][0]
        self.classifier.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class logits [B, C], p(e|x) [B, M] and experts' logits [B, M, C]."""
        rows = [self.sample(x_1[None]) for x_1 in x]
        y, p, z = zip(*rows, strict=True)
        return torch.stack(y), torch.stack(p), torch.stack(z)

    def sample(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        token_TI = self.trunk.hidden(x).view(8, -1).t()
        experts, slots, _ = self.phi_MSI.shape
        phi_RI = self.phi_MSI.flatten(0, 1)
        z_TR = torch.stack(
            [
                torch.stack([F.cosine_similarity(token_I, phi_I, 0) for phi_I in phi_RI])
                for token_I in token_TI
            ]
        )
        z_TR = self.scale * z_TR / self.temperature
        dispatch_TR, combine_TR = z_TR.softmax(0), z_TR.softmax(1)
        slot_RI = [
            torch.stack([d * token_I for d, token_I in zip(d_T, token_TI, strict=True)]).sum(0)
            for d_T in dispatch_TR.t()
        ]
        answer_RD = [
            self.experts[r // slots].hidden(slot_I[None])[0]  # type: ignore[operator]
            for r, slot_I in enumerate(slot_RI)
        ]
        output_TD = torch.stack(
            [
                torch.stack([c * h_D for c, h_D in zip(c_R, answer_RD, strict=True)]).sum(0)
                for c_R in combine_TR
            ]
        )
        mean_R = combine_TR.mean(0)
        p, z = [], []
        for e in range(experts):
            own = range(e * slots, (e + 1) * slots)
            share = torch.stack([mean_R[r] for r in own]).sum()
            h_D = torch.stack([mean_R[r] * answer_RD[r] for r in own]).sum(0) / share
            p.append(share)
            z.append(self.classifier(h_D))
        return self.classifier(output_TD.mean(0)), torch.stack(p), torch.stack(z)


def plain_of(mixtures: SoftMixtures, state: State, model: int) -> PlainSoft:
    slots = mixtures.architecture.slots
    plain = PlainSoft(mixtures.axis.experts[model], slots, TEMPERATURES[model]).double()
    plain.load(state)
    return plain


def batch() -> tuple[Tensor, Tensor]:
    random = Generator().manual_seed(9)
    x = torch.randn(BATCH, *SHAPE, generator=random).double()
    return x, torch.randint(CLASSES, (BATCH,), generator=random)


def samples_last(x: Tensor) -> Tensor:
    return x.movedim(0, -1).contiguous()


@pytest.mark.parametrize("slots", [1, 3])
def test_answers_of_ragged_models_their_decomposition_and_gradients(slots: int) -> None:
    mixtures, (x, label_B) = drawn(slots).double(), batch()
    logits_PMB, outputs_PMCB = mixtures(samples_last(x))
    p_PMB = load_rule(RULE).inference_gate(logits_PMB)
    y_PCB = load_rule(RULE).answer(p_PMB, outputs_PMCB)
    weight_PMB = torch.rand(p_PMB.shape, generator=Generator().manual_seed(1)).double()
    loss_P = load_rule(RULE).losses(logits_PMB, outputs_PMCB, label_B).mean(1)
    score_P = loss_P + (p_PMB * weight_PMB).sum((1, 2))
    torch.autograd.backward(score_P.sum())
    for model, experts in enumerate(EXPERTS):
        plain = plain_of(mixtures, mixtures.state_of(model), model)
        y_BC, p_BM, z_BMC = plain(x)
        torch.testing.assert_close(y_PCB[model].t(), y_BC.softmax(1))
        torch.testing.assert_close(p_PMB[model, :experts].t(), p_BM)
        assert not p_PMB[model, experts:].any()
        torch.testing.assert_close(outputs_PMCB[model, :experts].permute(2, 0, 1), z_BMC.softmax(2))
        expected = F.cross_entropy(y_BC, label_B)
        torch.testing.assert_close(loss_P[model], expected)
        score = expected + (p_BM * weight_PMB[model, :experts].t()).sum()
        torch.autograd.backward(score)
        gradients = plain_of(mixtures, gradients_of(mixtures, model), model)
        for theirs, ours in zip(plain.parameters(), gradients.parameters(), strict=True):
            assert theirs.grad is not None
            torch.testing.assert_close(ours, theirs.grad)


def gradients_of(mixtures: SoftMixtures, model: int) -> State:
    found = {}
    for name, parameter in mixtures.named_parameters():
        assert parameter.grad is not None, name
        found[name] = parameter.grad[mixtures.rows(name, model)].numpy()
    return found


def test_sharp_slots_give_each_position_to_one_expert() -> None:
    mixtures = drawn(1, (4,), (1e-4,))
    p_1MB = load_rule(RULE).inference_gate(mixtures(samples_last(batch()[0].float()))[0])
    positions = 9 * p_1MB
    torch.testing.assert_close(positions, positions.round(), atol=1e-3, rtol=0)


def test_what_underflows_has_a_gradient_that_is_finite() -> None:
    mixtures, (x, label_B) = drawn(2, (4,), (1e-30,)), batch()
    logits_1MB, outputs_1MCB = mixtures(samples_last(x.float()))
    assert bool((logits_1MB.softmax(1) < 1e-20).any())
    torch.autograd.backward(load_rule(RULE).losses(logits_1MB, outputs_1MCB, label_B).sum())
    for parameter in mixtures.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_one_expert_of_many_says_what_it_says_in_the_mixture() -> None:
    mixtures, x = drawn(2), samples_last(batch()[0].float())
    outputs_PMCB = mixtures(x)[1]
    for model, experts in enumerate(EXPERTS):
        for expert in range(experts):
            row = mixtures.axis.rows(model).start + expert
            torch.testing.assert_close(mixtures.expert(row, x), outputs_PMCB[model, expert])


@pytest.mark.parametrize("model", range(len(EXPERTS)))
def test_a_model_says_the_same_alone_and_comes_from_its_seed(model: int) -> None:
    together, x = drawn(2), samples_last(batch()[0].float())
    alone = SoftMixtures(together.architecture, [EXPERTS[model]], [TEMPERATURES[model]])
    alone.load_states([together.state_of(model)])
    for ours, theirs in zip(alone(x), together(x), strict=True):
        assert torch.equal(ours[0], theirs[model, : EXPERTS[model]])
    alone.initialise(0, Generator().manual_seed(model))
    alone.scale_P.data[0] = 2.0 + model
    for name, array in alone.state_of(0).items():
        assert np.array_equal(array, together.state_of(model)[name]), name


def test_tokens_are_positions_of_what_the_gates_convolutions_give() -> None:
    layers, shape = feature_map(PRESETS["cifar100"], (3, 32, 32))
    assert shape == (512, 2, 2)
    assert layers == PRESETS["cifar100"].gate[:-3]
    layers, shape = feature_map(PRESETS["residual"], (3, 32, 32))
    assert shape == (64, 8, 8)
    assert layers == PRESETS["residual"].gate[:-2]


@pytest.mark.parametrize("preset", ["digits", "conv", "residual"])
def test_experts_of_presets_for_small_images_are_no_affine_maps(preset: str) -> None:
    linear, *between, last = dense_layers(PRESETS[preset].expert)
    assert isinstance(linear, Linear)
    assert between == ["relu"]
    assert isinstance(last, Linear)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (PRESETS["mnist"], "at least 2 channels in gate"),
        (PRESETS["mlp"], "at least 2 channels in gate"),
        (
            Backbone(
                expert=(Conv(conv=2), MaxPool(max_pool=2)), gate=(Conv(conv=4), Linear(linear=8))
            ),
            "expert needs a dense layer",
        ),
        (
            Backbone(expert=(Linear(linear=4),), gate=(Conv(conv=4, kernel=40), "relu")),
            "gate: layer 1 .conv. cannot take",
        ),
    ],
)
def test_backbones_without_tokens_or_dense_layers_are_refused(
    backbone: Backbone, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        feature_map(backbone, (1, 28, 28))
