"""Networks of one layer list, stacked: N networks with their own weights run as one.

Shape suffixes: N network, C channels, H W image, B sample, I O inputs and outputs of a layer,
D width of the hidden representation, K kernel side, R S rows and columns after pooling.

Images are [C, H, W, B] and features [F, B]: samples innermost, so that a dense layer of all
networks is one batched product without transposes, and ragged numbers of experts need no padding.
Under torch's autocast the factors of products are rounded; what layers give each other is not.

Every parameter and buffer has the network as its first axis. What the first layer makes of images
that all networks share are images of each network, [N, C, H, W, B].

Each layer is a file of ``layers``; here they become stages, some of which are more than one layer.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch.nn.functional as F
from torch import Generator, Tensor, nn

from moe_search.moe.architecture import has_stem
from moe_search.moe.layers.base import ALL, StackedLayer, Weighted
from moe_search.moe.layers.dense import Dense
from moe_search.moe.layers.max_pool import MaxPooling
from moe_search.moe.layers.relu import Relu
from moe_search.moe.layers.shapes import Flatten, Spread
from moe_search.ops.stem import NARROW, stem, stem_eager
from moe_search.spec.kinds.layers import Conv, Layer, Linear, MaxPool, Shape, kind_of


class StackedNetworks(nn.Module):
    """The bodies of N networks with the same layers.

    Args:
        layers: the body, see ``spec.backbones``.
        shape: (C, H, W) of an image or (F,) of features.
        count: N.
        fused: take the fast form of what has one.

    Raises:
        MemberError: nothing makes a layer.
    """

    def __init__(self, layers: Sequence[Layer], shape: Shape, count: int, fused: bool) -> None:
        super().__init__()
        stages, self.width = _build(layers, shape, count, fused)
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        """Hidden representations [N, D, B] of x ([C, H, W, B] or [F, B]) in some networks."""
        for stage in self.stages:
            x = stage(x, networks)
        return x

    def initialise(self, network: int, generator: Generator) -> None:
        """Draw one network's weights, layer by layer, as torch initialises its layers."""
        for stage in self.stages:
            assert isinstance(stage, StackedLayer)
            stage.initialise(network, generator)

    def zero(self, network: int) -> None:
        """Set all that one network learns to 0."""
        for parameter in self.parameters():
            parameter.data[network] = 0.0


class Stem(Weighted):
    """Convolution, ReLU, maximum of 2x2, perhaps a narrow dense layer.

    [C, H, W, B] -> [N, O, R, S, B], or [N, F, B] of the dense layer.
    """

    def __init__(self, count: int, inputs: int, layer: Conv, fused: bool) -> None:
        weight = (layer.conv, inputs, layer.kernel, layer.kernel)
        super().__init__(count, weight, inputs * layer.kernel**2, bias=True)
        self.padding = layer.padding
        self.dense: Dense | None = None
        self.operation = stem if fused else stem_eager

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        weight_NOCKK, bias_NO = self.weights(networks), self.biases(networks)
        narrow = self.dense
        w = None if narrow is None else narrow.weights(networks)
        b = None if narrow is None else narrow.biases(networks)
        x_CHWB = F.pad(x, (0, 0, *[self.padding] * 4)) if self.padding else x
        z = self.operation(x_CHWB, weight_NOCKK.flatten(0, 1), bias_NO.flatten(), w, b)
        z = z.to(bias_NO.dtype)
        return z if narrow is not None else z.view(*bias_NO.shape, *z.shape[1:])

    def initialise(self, network: int, generator: Generator) -> None:
        super().initialise(network, generator)
        if self.dense is not None:
            self.dense.initialise(network, generator)


def _build(
    layers: Sequence[Layer], shape: Shape, count: int, fused: bool
) -> tuple[list[StackedLayer], int]:
    """The stages of a layer list and the width of what comes out of them."""
    stages: list[StackedLayer] = []
    if has_stem(layers, shape):
        first_stage, shape, layers = _stem(layers, shape, count, fused)
        stages.append(first_stage)
    elif not kind_of(layers[0]).shares_input:
        stages.append(Spread(count))
    others, shape = stages_of(layers, shape, count, fused)
    stages += others
    if len(shape) == 3:
        shape = (prod(shape),)
        stages.append(Flatten())
    return stages, shape[0]


def stages_of(
    layers: Sequence[Layer], shape: Shape, count: int, fused: bool
) -> tuple[list[StackedLayer], Shape]:
    """The stages of layers that have no stem, and the shape of what comes out of them."""
    stages: list[StackedLayer] = []
    for layer in _pooled_first(layers):
        kind = kind_of(layer)
        if kind.flat and len(shape) == 3:
            shape = (prod(shape),)
            stages.append(Flatten())
        stages.append(kind.load_class(StackedLayer).of(layer, shape, count, fused))
        shape = _after(layer, shape)
    return _with_relus(stages), shape


def _stem(
    layers: Sequence[Layer], shape: Shape, count: int, fused: bool
) -> tuple[Stem, Shape, Sequence[Layer]]:
    """The first stage of a layer list that has a stem, the shape it gives, and what follows."""
    conv = layers[0]
    assert isinstance(conv, Conv)
    stage = Stem(count, shape[0], conv, fused)
    for layer in layers[:3]:
        shape = _after(layer, shape)
    layers = layers[3:]
    if layers and isinstance(layers[0], Linear) and layers[0].linear <= NARROW:
        stage.dense = Dense(count, prod(shape), layers[0].linear)
        shape, layers = (layers[0].linear,), layers[1:]
    return stage, shape, layers


def _after(layer: Layer, shape: Shape) -> Shape:
    """Shape after a layer that fits, as the spec has checked."""
    after = kind_of(layer).through(layer, shape)
    assert after is not None, f"{layer} cannot take {shape}"
    return after


def _pooled_first(layers: Sequence[Layer]) -> list[Layer]:
    """Pools before the ReLUs that they follow: the same function, and less for ReLUs to do."""
    ordered = list(layers)
    for place, (layer, after) in enumerate(pairwise(layers)):
        if layer == "relu" and isinstance(after, MaxPool):
            ordered[place : place + 2] = after, layer
    return ordered


def _with_relus(stages: Sequence[StackedLayer]) -> list[StackedLayer]:
    """The same function with ReLUs as a part of what pools before them or is dense after them."""
    joined: list[StackedLayer] = []
    for stage in stages:
        before = joined[-1] if joined else None
        if isinstance(stage, Relu) and isinstance(before, MaxPooling):
            before.rectified = True
            continue
        if isinstance(stage, Dense) and isinstance(before, Relu):
            stage.rectified = True
            joined.pop()
        joined.append(stage)
    return joined
