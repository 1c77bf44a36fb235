"""The model a user takes away: its parts agree, and top-1 evaluates one expert a sample.

Shape suffixes: B sample, M expert, C class.
"""

import pytest
import torch
from torch import Generator, Tensor, nn

from moe_search.moe.architecture import Architecture, OutputRule
from moe_search.moe.build import build
from moe_search.package.classifier import Classifier
from moe_search.spec.backbones import PRESETS
from moe_search.spec.kinds.gates import GATES

EXPERTS, CLASSES, BATCH = 5, 4, 32
MEAN, STD = (0.3, 0.4, 0.5), (0.2, 0.25, 0.3)
RULES = [
    OutputRule("mixture"),
    OutputRule("stochastic"),
    OutputRule("top_k", 1),
    OutputRule("top_k", 2),
    OutputRule("top_k", 1, biased=True),
    OutputRule("expert_loss"),
]


def classifier(
    gate: str | None = "original",
    rule: OutputRule = RULES[0],
    shape: tuple[int, ...] = (3, 8, 8),
    experts: int = EXPERTS,
) -> Classifier:
    backbone = PRESETS["conv" if len(shape) == 3 else "mlp"]
    architecture = Architecture(backbone, shape, CLASSES, gate, rule)
    mixtures = build(architecture, [experts], [0.02])
    mixtures.initialise(0, Generator().manual_seed(0))
    if rule.biased and mixtures.gate is not None:
        mixtures.gate.get_buffer("choice_bias").copy_(torch.linspace(-0.5, 0.5, experts))
    model = Classifier(mixtures, MEAN[: shape[0]], STD[: shape[0]], ["a", "b", "c", "d"])
    return model.eval()


def images() -> Tensor:
    return torch.rand(BATCH, 3, 8, 8, generator=Generator().manual_seed(1))


@pytest.mark.parametrize("gate", tuple(GATES))
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_model_is_its_gate_times_its_experts(gate: str, rule: OutputRule) -> None:
    model, x = classifier(gate, rule), images()
    p_BM, outputs_BMC, y_BC = model.gate(x), model.experts(x), model(x)
    assert p_BM.shape == (BATCH, EXPERTS)
    assert outputs_BMC.shape == (BATCH, EXPERTS, CLASSES)
    assert y_BC.shape == (BATCH, CLASSES)
    torch.testing.assert_close((p_BM.unsqueeze(2) * outputs_BMC).sum(1), y_BC)
    torch.testing.assert_close(y_BC.sum(1), torch.ones(BATCH))
    kept = EXPERTS if rule.kind == "mixture" else rule.k
    assert int((p_BM > 0).sum(1).max()) <= kept


def test_pixels_are_normalised_channel_by_channel() -> None:
    model, x = classifier(), images()
    channels = [(x[:, c] - MEAN[c]) / STD[c] for c in range(3)]
    inner = torch.stack(channels).permute(0, 2, 3, 1).contiguous()
    _, outputs_1MCB = model.mixtures(inner)
    torch.testing.assert_close(model.experts(x), outputs_1MCB[0].permute(2, 0, 1))


def test_features_are_normalised_one_by_one() -> None:
    model = classifier(shape=(3,))
    x = torch.rand(BATCH, 3, generator=Generator().manual_seed(1))
    inner = (x - torch.tensor(MEAN)) / torch.tensor(STD)
    _, outputs_1MCB = model.mixtures(inner.t().contiguous())
    torch.testing.assert_close(model.experts(x), outputs_1MCB[0].permute(2, 0, 1))
    torch.testing.assert_close(model.top1(x).sum(1), torch.ones(BATCH))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_top1_is_the_output_of_the_most_probable_expert(rule: OutputRule) -> None:
    model, x = classifier(rule=rule), images()
    best_B = model.gate(x).argmax(1)
    assert len(torch.unique(best_B)) > 1
    torch.testing.assert_close(model.top1(x), model.experts(x)[torch.arange(BATCH), best_B])
    if rule.one_expert:
        torch.testing.assert_close(model.top1(x), model(x))


def test_top1_evaluates_each_sample_once_and_by_its_expert_alone() -> None:
    model, x = classifier(), images()
    best_B = model.gate(x).argmax(1)
    evaluated: list[tuple[int, int]] = []

    def record(module: nn.Module, given: tuple[Tensor, slice], output: Tensor) -> None:
        assert len(output) == 1
        evaluated.append((given[1].start, output.shape[-1]))

    model.mixtures.bodies.register_forward_hook(record)
    model.top1(x)
    assert sorted(evaluated) == [
        (e, int((best_B == e).sum())) for e in torch.unique(best_B).tolist()
    ]
    assert sum(samples for _, samples in evaluated) == BATCH


@pytest.mark.parametrize("gate", ["original", "cosine", "expert_loss"])
def test_a_gate_of_its_own_network_evaluates_no_expert(gate: str) -> None:
    model, x = classifier(gate), images()
    expected = model.gate(x)
    model.mixtures.bodies.register_forward_hook(lambda *_: pytest.fail("an expert is evaluated"))
    assert torch.equal(model.gate(x), expected)


@pytest.mark.parametrize("gate", ["attentive", "loudest"])
def test_top1_of_a_gate_that_needs_every_expert_is_refused(gate: str) -> None:
    with pytest.raises(ValueError, match=f"{gate} gate evaluates every expert"):
        classifier(gate).top1(images())


def test_a_single_network_is_a_mixture_of_one() -> None:
    model, x = classifier(gate=None, experts=1), images()
    assert (model.gate(x) == 1).all()
    torch.testing.assert_close(model(x), model.experts(x)[:, 0])
    torch.testing.assert_close(model.top1(x), model(x))


@pytest.mark.parametrize("part", ["forward", "gate", "experts", "top1"])
@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 3, 8, 9), (3, 8, 8), (2, 192)])
def test_a_wrong_shape_is_refused(part: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected input \[batch, 3, 8, 8\], got \["):
        getattr(classifier(), part)(torch.zeros(shape))


def test_labels_are_kept_in_the_order_of_the_outputs() -> None:
    assert classifier().labels == ("a", "b", "c", "d")
