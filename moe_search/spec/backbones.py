"""Networks as lists of layers, and the paper's networks as named presets.

A list describes the body of a network: it ends with the hidden representation of width d. The
head (ReLU, then a linear layer to the classes for an expert, to the experts for an original gate)
is not written: it follows from the data and the expert count. The attentive gate reads the
representations themselves, so expert and gate must have the same width d there.
"""

from collections.abc import Collection, Mapping, Sequence
from math import prod
from typing import Annotated

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from moe_search.errors import UserError
from moe_search.spec.base import Section
from moe_search.spec.kinds.layers import (
    Conv,
    Dropout,
    Layer,
    Linear,
    MaxPool,
    Residual,
    Shape,
    branches,
    each,
    kind_of,
    name_of,
)


class Backbone(Section):
    """The bodies of one expert (which is also the single model) and of the gate."""

    expert: tuple[Layer, ...] = Field(min_length=1, description="layers of one expert")
    gate: tuple[Layer, ...] = Field(min_length=1, description="layers of the gate")


def _convs(
    channels: Sequence[int],
    norm: Collection[int],
    pool: Collection[int],
    padding: int = 1,
    norm_bias: bool = False,
) -> tuple[Layer, ...]:
    """Stacks 3x3 convolutions; ``norm`` and ``pool`` tell after which of them, from 1."""
    layers: list[Layer] = []
    for number, outputs in enumerate(channels, 1):
        bias = norm_bias or number not in norm
        layers.append(Conv(conv=outputs, padding=padding, bias=bias))
        layers += ["batch_norm"] * (number in norm)
        layers.append("relu")
        layers += [MaxPool(max_pool=2)] * (number in pool)
    return tuple(layers)


def _block(channels: int, stride: int) -> tuple[Layer, ...]:
    """A basic block of He et al. (arXiv 1512.03385): two convolutions beside a shortcut."""
    size = {"conv": channels, "bias": False}
    body = (
        *(Conv(**size, padding=1, stride=stride), "batch_norm", "relu"),
        *(Conv(**size, padding=1), "batch_norm"),
    )
    shortcut = () if stride == 1 else (Conv(**size, kernel=1, stride=stride), "batch_norm")
    return Residual(residual=body, shortcut=shortcut), "relu"


def _residual(channels: Sequence[int]) -> tuple[Layer, ...]:
    """A residual network of one block at each of some resolutions, each half of that before.

    The first is half of the image's, as in the networks for ImageNet: there are many experts.
    """
    first, *later = channels
    layers = [*_convs([first], norm=(), pool={1}), *_block(first, 1)]
    for outputs in later:
        layers += _block(outputs, 2)
    return (*layers, "global_avg_pool")


def _mlp(*features: int, between: Sequence[Layer]) -> tuple[Layer, ...]:
    """Stacks linear layers with some others between them, none after the last."""
    first, *rest = features
    layers: list[Layer] = [Linear(linear=first)]
    for outputs in rest:
        layers += [*between, Linear(linear=outputs)]
    return tuple(layers)


def _dense(*features: int) -> tuple[Layer, ...]:
    """The same with a ReLU between them."""
    return _mlp(*features, between=["relu"])


def _four_convs(channels: Sequence[int], *features: int) -> tuple[Layer, ...]:
    return _convs(channels, norm={2, 4}, pool={1, 2, 3, 4}) + _dense(*features)


def _six_convs(channels: Sequence[int], *features: int) -> tuple[Layer, ...]:
    return _convs(channels, norm={2, 4, 6}, pool={1, 2, 4, 6}) + _dense(*features)


def _cifar10(channels: Sequence[int], *features: int) -> tuple[Layer, ...]:
    return _convs(channels, norm={2, 4}, pool={1, 2, 4}) + _dense(*features)


_GATE_CONVS = (64, 128, 256, 512)
_DROPPED: tuple[Layer, ...] = ("relu", Dropout(dropout=0.1))
_NORMED: tuple[Layer, ...] = ("layer_norm", "gelu", Dropout(dropout=0.1))

PRESETS: dict[str, Backbone] = {
    "digits": Backbone(
        expert=_convs([4], norm=(), pool={1}, padding=0) + _dense(32, 16),
        gate=_convs([8], norm=(), pool={1}, padding=0) + _dense(32, 16),
    ),
    "mnist": Backbone(
        expert=_convs([1], norm=(), pool={1}, padding=0) + _dense(5, 32),
        gate=_convs([1], norm=(), pool={1}, padding=0) + _dense(128, 32),
    ),
    "fashion_mnist": Backbone(
        expert=_convs([1], norm=(), pool={1}, padding=0) + _dense(64, 32),
        # The authors' gate has a ReLU on the representation itself: its queries are positive.
        gate=(
            *_convs([8], norm={1}, pool={1}, padding=0, norm_bias=True),
            *_dense(512, 32),
            "relu",
        ),
    ),
    "cifar10": Backbone(
        expert=_cifar10((3, 6, 12, 12), 64, 32), gate=_cifar10((64, 128, 256, 256), 512, 32)
    ),
    "cifar10_conv4": Backbone(
        expert=_four_convs((4, 8, 16, 16), 64, 32),
        gate=_four_convs((64, 128, 256, 256), 512, 32),
    ),
    "cifar10_conv2": Backbone(
        expert=_convs((64, 128), norm=(), pool={2}) + _dense(64),
        gate=_convs((64, 128), norm=(), pool={2}) + _dense(64),
    ),
    "cifar100": Backbone(
        expert=_four_convs((16, 32, 64, 128), 512, 128), gate=_four_convs(_GATE_CONVS, 512, 128)
    ),
    "cifar100_conv6": Backbone(
        expert=_six_convs((8, 16, 32, 32, 64, 64), 512, 128),
        gate=_six_convs((64, 128, 256, 256, 512, 512), 1024, 128),
    ),
    "cifar100_hidden256": Backbone(
        expert=_four_convs((16, 32, 64, 128), 1024, 256), gate=_four_convs(_GATE_CONVS, 1024, 256)
    ),
    "cifar100_d64": Backbone(
        expert=_four_convs((8, 16, 32, 64), 128, 64), gate=_four_convs(_GATE_CONVS, 512, 64)
    ),
    "mlp": Backbone(expert=_dense(32, 16), gate=_dense(64, 16)),
    "mlp_d64": Backbone(expert=_dense(128, 64), gate=_dense(256, 64)),
    "conv": Backbone(
        expert=_convs((16, 32), norm={1, 2}, pool={1, 2}) + _dense(64, 32),
        gate=_convs((32, 64), norm={1, 2}, pool={1, 2}) + _dense(64, 32),
    ),
    "residual": Backbone(
        expert=_residual((16, 32)) + _dense(64, 64), gate=_residual((32, 64)) + _dense(64)
    ),
    # as the MLPs of "Revisiting Deep Learning Models for Tabular Data" (arXiv 2106.11959)
    "mlp_table": Backbone(
        expert=_mlp(128, 128, 64, between=_DROPPED), gate=_mlp(128, 128, 64, between=_DROPPED)
    ),
    "mlp_embedding": Backbone(
        expert=_mlp(128, 64, between=_NORMED), gate=_mlp(256, 64, between=_NORMED)
    ),
}
"""The paper's networks by data set, and those for a user's own data from ``mlp`` on.

``mlp``, ``mlp_d64`` and ``conv`` are small; ``residual`` is for images of 32 x 32, ``mlp_table``
for thousands of rows of a table, ``mlp_embedding`` for what another network says of a sample.
"""

NAMES = ("auto", *PRESETS)
"""What every study may call its backbone; others are installed (see ``installed.py``)."""

BackboneName = Annotated[
    str, WithJsonSchema({"anyOf": [{"enum": list(NAMES)}, {"type": "string"}]})
]
BackboneChoice = Annotated[
    Annotated[BackboneName, Tag("<name>")] | Annotated[Backbone, Tag("<layers>")],
    Discriminator(lambda given: "<layers>" if isinstance(given, Mapping | Backbone) else "<name>"),
]


def width(layers: Sequence[Layer], shape: Shape, where: str) -> int:
    """Follows one sample through a body and returns the width d of its representation.

    Args:
        layers: the body of an expert or a gate.
        shape: (C, H, W) of an image or (F,) of features.
        where: what the layers belong to, for the error.

    Raises:
        UserError: a layer cannot take what the layer before it gives.
    """
    return prod(_followed(layers, shape, where))


def feature_map(
    backbone: Backbone, shape: Shape, where: str = "model.backbone"
) -> tuple[tuple[Layer, ...], Shape]:
    """The gate's layers that give images, and (C, H, W) of what comes out of them.

    A soft gate's tokens are the positions of that map, and its experts the dense layers of the
    backbone's experts.

    Raises:
        UserError: there is no convolution, the map has one channel, or there are no dense layers.
    """
    layers = _of_images(backbone.gate, shape)
    after = _followed(layers, shape, f"{where}: gate")
    if not any(isinstance(layer, Conv) for layer in each(layers)) or after[0] == 1:
        raise UserError(
            f"{where}: a soft gate needs convolutions of at least 2 channels in gate, "
            "whose positions are its tokens; take a backbone that has them, such as conv"
        )
    dense = dense_layers(backbone.expert)
    if not dense:
        raise UserError(f"{where}: with a soft gate, expert needs a dense layer such as linear: 32")
    _followed(dense, after[:1], f"{where}: expert")
    return layers, after


def dense_layers(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """A body's layers from its first dense one on."""
    first = next((n for n, layer in enumerate(layers) if _is_dense(layer)), len(layers))
    return layers[first:]


def _is_dense(layer: Layer) -> bool:
    return any(kind_of(one).flat for one in each([layer]))


def _of_images(layers: tuple[Layer, ...], shape: Shape) -> tuple[Layer, ...]:
    """A body's layers before the first that gives features, up to one that does not fit."""
    for number, layer in enumerate(layers):
        after = kind_of(layer).through(layer, shape)
        if after is None:
            return layers[: number + 1]
        if len(after) == 1:
            return layers[:number]
        shape = after
    return layers


def _followed(layers: Sequence[Layer], shape: Shape, where: str) -> Shape:
    """Shape of one sample after some layers."""
    for number, layer in enumerate(layers, 1):
        place = f"{where}: layer {number} ({name_of(layer)})"
        ends = [_followed(branch, shape, place) for branch in branches(layer)]
        after = kind_of(layer).through(layer, shape)
        if after is None:
            needs = (
                f"its layers make {' and '.join(map(_times, ends))} of it, which cannot be added; "
                "give it a shortcut that makes the same of it"
                if isinstance(layer, Residual)
                else "convolutions and pools take images (channels x height x width) "
                "no smaller than their window"
            )
            raise UserError(f"{place} cannot take an input of shape {_times(shape)}; {needs}")
        shape = after
    return shape


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))
