"""Dropout: what it draws, for whom, and when.

Shape suffixes: P model, N network, M expert within its model, F feature, B sample.
"""

import pytest
import torch
from torch import Generator, Tensor

from moe_search.engine.seeds import Stream, generator
from moe_search.moe.architecture import Architecture, OutputRule
from moe_search.moe.build import build
from moe_search.moe.layers.dropout import StackedDropout
from moe_search.moe.mixtures import Mixtures
from moe_search.spec import PRESETS, Backbone

FEATURES, BATCH, SHARE = 40, 300, 0.25
PLACES = [0, 1, 2, 0, 0, 1]
"""Of the experts of three models in their own."""


def sources(seed: int = 0) -> list[Generator]:
    return [generator(seed, Stream.DROPOUT, 1, 0, place) for place in range(3)]


def drawn(layer: StackedDropout, x: Tensor, seed: int = 0) -> Tensor:
    layer.draw_from(sources(seed), PLACES)
    y: Tensor = layer(x)
    return y


def samples() -> Tensor:
    random = Generator().manual_seed(1)
    return torch.rand(len(PLACES), FEATURES, BATCH, generator=random).double() + 1


def test_what_stays_is_divided_by_its_share_in_value_and_gradient() -> None:
    x_NFB = samples().requires_grad_()
    y_NFB = drawn(StackedDropout(SHARE), x_NFB)
    kept = y_NFB != 0
    torch.testing.assert_close(y_NFB, kept * x_NFB / (1 - SHARE))
    torch.autograd.backward(y_NFB.sum())
    assert x_NFB.grad is not None
    torch.testing.assert_close(x_NFB.grad, kept.double() / (1 - SHARE))
    shares_N = kept.double().mean((1, 2))
    torch.testing.assert_close(shares_N, torch.full_like(shares_N, 1 - SHARE), atol=0.02, rtol=0)
    together = (kept[0] & kept[1]).double().mean()
    assert float(together) == pytest.approx((1 - SHARE) ** 2, abs=0.02), "independent of each other"


@pytest.mark.parametrize("share", [1e-9, 0.1, 0.9])
def test_a_mean_stays_at_any_probability(share: float) -> None:
    y_NFB = drawn(StackedDropout(share), torch.ones(len(PLACES), FEATURES, BATCH))
    assert float(y_NFB.mean()) == pytest.approx(1, abs=0.05)
    assert float((y_NFB == 0).double().mean()) == pytest.approx(share, abs=0.01)


def test_experts_at_the_same_place_draw_the_same_and_each_batch_anew() -> None:
    layer = StackedDropout(SHARE)
    first = drawn(layer, torch.ones(len(PLACES), FEATURES, BATCH))
    for one, place in enumerate(PLACES):
        for other, another in enumerate(PLACES):
            assert torch.equal(first[one], first[other]) == (place == another)
    assert not torch.equal(layer(torch.ones_like(first)), first)
    assert torch.equal(drawn(layer, torch.ones_like(first)), first)
    assert not torch.equal(drawn(layer, torch.ones_like(first), seed=1), first)


def test_some_networks_draw_as_among_all() -> None:
    layer, x_NFB = StackedDropout(SHARE), samples()
    expected = drawn(layer, x_NFB)
    layer.draw_from(sources(), PLACES)
    assert torch.equal(layer(x_NFB[1:4], slice(1, 4)), expected[1:4])


def test_nothing_is_dropped_in_evaluation_or_without_a_source() -> None:
    layer, x_NFB = StackedDropout(SHARE), samples()
    assert layer(x_NFB) is x_NFB
    layer.draw_from(sources(), PLACES)
    assert layer.eval()(x_NFB) is x_NFB


def mixtures(gate: str, backbone: Backbone, shape: tuple[int, ...], *experts: int) -> Mixtures:
    rule = OutputRule("product" if gate == "soft" else "mixture")
    made = build(Architecture(backbone, shape, 4, gate, rule), experts, [1.0] * len(experts))
    for model in range(len(experts)):
        made.initialise(model, Generator().manual_seed(model))
    return made


@pytest.mark.parametrize(
    ("gate", "preset", "shape"), [("attentive", "mlp_table", (7,)), ("soft", "conv", (1, 8, 8))]
)
def test_every_dropout_of_a_mixture_has_sources_of_its_own(
    gate: str, preset: str, shape: tuple[int, ...]
) -> None:
    backbone = PRESETS[preset]
    if gate == "soft":
        dropped = {name: [{"dropout": 0.2}, *body] for name, body in backbone.model_dump().items()}
        dropped["expert"].insert(-2, {"dropout": 0.3})
        backbone = Backbone.model_validate(dropped)
    asked: list[tuple[int, int]] = []

    def source(number: int, place: int) -> Generator:
        asked.append((number, place))
        return generator(3, Stream.DROPOUT, 1, number, place)

    together = mixtures(gate, backbone, shape, 2, 4, 3)
    together.draw_from(source)
    dropouts = [layer for layer in together.modules() if isinstance(layer, StackedDropout)]
    assert len(set(asked)) == len(asked)
    assert {number for number, _ in asked} == set(range(len(dropouts)))
    assert {place for _, place in asked} == {0, 1, 2, 3}
    x = torch.randn(*shape, 32, generator=Generator().manual_seed(7))
    logits_PMB, outputs_PMCB = together(x)
    for model, experts in enumerate((2, 4, 3)):
        alone = mixtures(gate, backbone, shape, experts)
        alone.load_states([together.state_of(model)])
        alone.draw_from(lambda number, place: generator(3, Stream.DROPOUT, 1, number, place))
        logits_1MB, outputs_1MCB = alone(x)
        torch.testing.assert_close(logits_1MB[0], logits_PMB[model, :experts])
        torch.testing.assert_close(outputs_1MCB[0], outputs_PMCB[model, :experts])
    evaluated = together.eval()(x)[1]
    assert not torch.allclose(evaluated, outputs_PMCB)
