"""Stacked networks against one plain torch module for each.

Shape suffixes: N network, D width of the representation, B sample.
"""

from typing import Any, Literal

import pytest
import torch
from pydantic import TypeAdapter
from support.kinds import listed
from support.layer_examples import example
from support.reference_model import LAYERS as PLAIN_LAYERS
from support.reference_model import PlainNetwork, layer_list, load_body
from torch import Tensor

from moe_search.moe.architecture import rounds_alike
from moe_search.moe.layers.base import StackedLayer
from moe_search.moe.layers.batch_norm import BatchNorm
from moe_search.moe.layers.layer_norm import LayerNorm
from moe_search.moe.stack import StackedNetworks
from moe_search.spec.backbones import PRESETS, width
from moe_search.spec.kinds.layers import LAYERS as EVERY_LAYER
from moe_search.spec.kinds.layers import Layer

LAYERS = {name: kind for name, kind in EVERY_LAYER.items() if name != "network"}
"""Those of our own; modules of packages have tests of their own (tests/testing)."""

NETWORKS, BATCH = 3, 3
SHAPE_OF_IMAGE = (2, 7, 5)

SHAPES: dict[str, tuple[int, ...]] = {
    "digits": (1, 8, 8),
    "mnist": (1, 13, 12),
    "fashion_mnist": (1, 14, 15),
    "mlp": (7,),
    "mlp_table": (7,),
    "mlp_embedding": (7,),
    "residual": (3, 9, 8),
}
"""Samples small enough to be quick; presets not named take (3, 16, 16)."""

UNUSUAL: list[tuple[tuple[int, ...], list[Any]]] = [
    ((1, 12, 13), [{"conv": 3, "kernel": 5}, "relu", {"max_pool": 2}]),
    ((1, 12, 13), [{"conv": 3}, "relu", {"max_pool": 2}, "batch_norm", {"linear": 4}]),
    ((1, 12, 13), [{"conv": 2}, "relu", {"max_pool": 2}, {"linear": 4}, "batch_norm", "relu"]),
    ((2, 9, 8), [{"conv": 3, "padding": 2}, {"conv": 4, "bias": False}, "relu"]),
    ((2, 9, 8), [{"max_pool": 3}, {"conv": 3, "kernel": 2}, {"linear": 4}]),
    ((2, 9, 8), ["relu", {"conv": 3}, "batch_norm", {"max_pool": 2}, {"linear": 4}]),
    ((2, 9, 8), ["batch_norm", {"conv": 3}, {"linear": 4}]),
    ((2, 9, 8), [{"linear": 4}]),
    ((6,), ["batch_norm", {"linear": 4}]),
    ((6,), ["relu", {"linear": 4}]),
    ((2, 9, 8), [{"conv": 3, "stride": 2}, {"conv": 4, "padding": 1, "stride": 3}, "gelu"]),
    ((1, 13, 12), [{"conv": 3, "stride": 2}, "relu", {"max_pool": 2}, {"linear": 3}]),
    ((2, 9, 8), [{"conv": 3}, "layer_norm", {"avg_pool": 3}, "silu"]),
    ((2, 9, 8), ["layer_norm", {"conv": 3}, "global_avg_pool", "layer_norm", {"linear": 4}]),
    ((2, 9, 8), [{"residual": ["relu", {"conv": 2, "padding": 1}]}, "relu", {"linear": 4}]),
    ((2, 9, 8), [{"residual": [{"linear": 4}], "shortcut": [{"linear": 4}, "relu"]}]),
    (
        (2, 9, 8),
        [
            {"conv": 3},
            {
                "residual": [
                    {"residual": [{"conv": 3, "padding": 1}, "batch_norm", "relu"]},
                    {"conv": 4, "kernel": 1, "stride": 2},
                ],
                "shortcut": [{"conv": 4, "stride": 2, "padding": 1}, "batch_norm"],
            },
        ],
    ),
    ((6,), [{"linear": 4}, {"residual": [{"linear": 8}, "relu", {"linear": 4}]}, "relu"]),
]
"""Layer lists that study.yaml allows and no preset has."""


def typed(*layers: Any) -> tuple[Layer, ...]:
    """Layers as study.yaml has them."""
    return TypeAdapter(tuple[Layer, ...]).validate_python(layers)


def stacked(
    layers: tuple[Layer, ...],
    shape: tuple[int, ...],
    fused: bool = False,
    count: int = NETWORKS,
) -> StackedNetworks:
    """Float64 networks with weights of their own, batch norms' too."""
    networks = StackedNetworks(layers, shape, count, fused).double()
    random = torch.Generator().manual_seed(0)
    for network in range(count):
        networks.initialise(network, random)
    for module in networks.modules():
        if isinstance(module, BatchNorm | LayerNorm):
            for tensor in module.state_dict().values():
                tensor.add_(torch.rand(tensor.shape, generator=random))
    return networks


def plain_of(
    networks: StackedNetworks, layers: tuple[Layer, ...], shape: tuple[int, ...], network: int
) -> PlainNetwork:
    plain = PlainNetwork(layer_list(layers), shape, None).double()
    load_body(plain, networks.state_dict(), "", network)
    return plain


def samples_last(x: Tensor) -> Tensor:
    return x.movedim(0, -1).contiguous()


def samples(shape: tuple[int, ...], seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, *shape, generator=random, dtype=torch.float64)


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs.reshape(ours.shape), rtol=1e-9, atol=1e-10)


def compare(layers: tuple[Layer, ...], shape: tuple[int, ...]) -> None:
    """Two batches in training, values and gradients and running statistics, then evaluation."""
    count = 2
    networks = stacked(layers, shape, count=count)
    plains = [plain_of(networks, layers, shape, n) for n in range(count)]
    assert networks.width == width(layers, shape, "layers")
    weight_NDB = torch.randn(
        count, networks.width, BATCH, generator=torch.Generator().manual_seed(9)
    ).double()
    for seed in (1, 2):
        x = samples(shape, seed)
        hidden_NDB = networks(samples_last(x))
        torch.autograd.backward((hidden_NDB * weight_NDB).sum())
        for n, plain in enumerate(plains):
            hidden_BD = plain.hidden(x)
            torch.autograd.backward((hidden_BD * weight_NDB[n].t()).sum())
            close(hidden_NDB[n], hidden_BD.t())
    networks.eval()
    evaluated_NDB = networks(samples_last(samples(shape, 3)))
    for n, plain in enumerate(plains):
        close(evaluated_NDB[n], plain.eval().hidden(samples(shape, 3)).t())
        for ours, theirs in zip(networks.parameters(), plain.body.parameters(), strict=True):
            assert ours.grad is not None
            assert theirs.grad is not None
            close(ours.grad[n], theirs.grad)
        statistics = (
            tensor
            for name, tensor in plain.body.named_buffers()
            if not name.endswith("num_batches_tracked")
        )
        for statistic, expected in zip(networks.buffers(), statistics, strict=True):
            close(statistic[n], expected)


@pytest.mark.parametrize("part", ["expert", "gate"])
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_the_plain_networks(preset: str, part: Literal["expert", "gate"]) -> None:
    compare(getattr(PRESETS[preset], part), SHAPES.get(preset, (3, 16, 16)))


@pytest.mark.parametrize(("shape", "layers"), UNUSUAL)
def test_other_layer_lists_are_the_plain_networks(shape: tuple[int, ...], layers: Any) -> None:
    compare(typed(*layers), shape)


@pytest.mark.parametrize("name", listed(LAYERS, PLAIN_LAYERS))
def test_each_layer_is_the_plain_one_on_images(name: str) -> None:
    compare(typed(example(name), {"linear": 4}, "relu"), SHAPE_OF_IMAGE)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("preset", "shape"),
    [
        ("digits", (1, 16, 16)),
        ("mnist", (1, 17, 18)),
        ("conv", (1, 16, 18)),
        ("cifar10", (3, 16, 16)),
        ("residual", (3, 9, 8)),
    ],
)
def test_networks_with_compiled_layers_are_the_eager_networks(
    preset: str, shape: tuple[int, ...]
) -> None:
    layers = PRESETS[preset].expert
    random = torch.Generator().manual_seed(1)
    x = torch.randn(*shape, 40, generator=random)
    eager, fused = (stacked(layers, shape, fused).float() for fused in (False, True))
    for networks in (slice(None), slice(1, 3)):
        hidden_NDB, expected_NDB = fused(x, networks), eager(x, networks)
        torch.testing.assert_close(hidden_NDB, expected_NDB)
        for hidden in (hidden_NDB, expected_NDB):
            torch.autograd.backward((hidden * hidden.detach()).sum())
    for ours, theirs in zip(fused.parameters(), eager.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        largest = float(theirs.grad.abs().max())  # sums cancel where a batch is normalised
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4 * max(largest, 1))


@pytest.mark.parametrize("preset", ["digits", "conv", "mlp"])
@pytest.mark.parametrize("networks", [slice(0, 1), slice(1, 3), slice(2, 3)])
def test_some_networks_run_without_the_others(preset: str, networks: slice) -> None:
    shape = SHAPES.get(preset, (3, 16, 16))
    whole = stacked(PRESETS[preset].expert, shape)
    part = stacked(PRESETS[preset].expert, shape)
    x = samples_last(samples(shape, 1))
    close(part(x, networks), whole(x)[networks])
    untouched = [n for n in range(NETWORKS) if n not in range(NETWORKS)[networks]]
    fresh = stacked(PRESETS[preset].expert, shape)
    statistics = zip(part.buffers(), whole.buffers(), fresh.buffers(), strict=True)
    for ours, all_ran, none_ran in statistics:
        close(ours[networks], all_ran[networks])
        close(ours[untouched], none_ran[untouched])


@pytest.mark.usefixtures("compiled", "one_thread")
@pytest.mark.parametrize(
    ("name", "fused"),
    [
        *((name, False) for name in LAYERS if rounds_alike(typed(example(name)), SHAPE_OF_IMAGE)),
        *((name, True) for name in LAYERS),
        ("shortcut", True),
    ],
)
def test_each_layer_has_the_same_bits_alone_and_among_others(name: str, fused: bool) -> None:
    """Of batches whose last numbers fill no vector.

    But for torch's product of matrices, which rounds by where in memory a row begins.
    """
    layers = typed("batch_norm", example(name), "relu")
    together = stacked(layers, SHAPE_OF_IMAGE, fused, count=5).float()
    for batch in (16, 48) if (name, fused) == ("linear", False) else (5, 33):
        x = torch.randn(*SHAPE_OF_IMAGE, batch, generator=torch.Generator().manual_seed(batch))
        expected = in_training(together, x)
        for own in (slice(0, 1), slice(2, 4), slice(1, 5)):
            some = stacked(layers, SHAPE_OF_IMAGE, fused, count=own.stop - own.start).float()
            some.load_state_dict({n: t[own] for n, t in together.state_dict().items()})
            for ours, theirs in zip(in_training(some, x), expected, strict=True):
                assert torch.equal(ours, theirs[own])


def in_training(networks: StackedNetworks, x: Tensor) -> list[Tensor]:
    """What networks say of a batch, and the gradients of their weights."""
    networks.zero_grad()
    hidden_NDB = networks(x)
    torch.autograd.backward((hidden_NDB * hidden_NDB.detach()).sum())
    gradients = [parameter.grad for parameter in networks.parameters()]
    return [hidden_NDB.detach(), *(g.clone() for g in gradients if g is not None)]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_made_and_named_by_its_first_key(name: str) -> None:
    kind = LAYERS[name]
    assert kind.load_class(StackedLayer) is not StackedLayer
    assert kind.section is None or kind.section.key() == name
