"""Networks of one layer list, stacked: N networks with their own weights run as one.

Shape suffixes: N network, C channels, H W image, B sample, I O inputs and outputs of a layer,
D width of the hidden representation, K kernel side; K L channel of any network and its places.

Images are [C, H, W, B] and features [F, B]: samples innermost, so that a dense layer of all
networks is one batched product without transposes, and ragged numbers of experts need no padding.
Under torch's autocast the factors of products are rounded; what layers give each other is not.

Every parameter and buffer has the network as its first axis. What the first layer makes of images
that all networks share are images of each network, [N, C, H, W, B].
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from moe_search.moe.architecture import has_stem
from moe_search.ops.batch_norm import EPSILON, batch_norm, batch_norm_eager
from moe_search.ops.matmul import dense, dense_eager
from moe_search.ops.pool_relu import max_pool, pool_relu, pool_relu_eager
from moe_search.ops.relu_dense import relu_dense, relu_dense_eager
from moe_search.ops.stem import NARROW, stem, stem_eager, worth_fusing
from moe_search.ops.winograd import convolve, convolve_eager
from moe_search.spec.backbones import Conv, Layer, Linear, MaxPool

_ALL = slice(None)


class StackedNetworks(nn.Module):
    """The bodies of N networks with the same layers.

    Args:
        layers: the body, see ``spec.backbones``.
        shape: (C, H, W) of an image or (F,) of features.
        count: N.
        fused: take the fast form of what has one.
    """

    def __init__(
        self, layers: Sequence[Layer], shape: tuple[int, ...], count: int, fused: bool
    ) -> None:
        super().__init__()
        stages, self.width = _build(layers, shape, count, fused)
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        """Hidden representations [N, D, B] of x ([C, H, W, B] or [F, B]) in some networks."""
        for stage in self.stages:
            x = stage(x, networks)
        return x

    def initialise(self, network: int, generator: Generator) -> None:
        """Draw one network's weights, layer by layer, as torch initialises its layers."""
        for stage in self.stages:
            if isinstance(stage, Weighted):
                stage.initialise(network, generator)

    def zero(self, network: int) -> None:
        """Set all that one network learns to 0."""
        for parameter in self.parameters():
            parameter.data[network] = 0.0


class Weighted(nn.Module):
    """A layer with a weight [N, ...] and perhaps a bias [N, O] in each network."""

    def __init__(self, count: int, weight: tuple[int, ...], fan_in: int, bias: bool) -> None:
        super().__init__()
        self.fan_in = fan_in
        self.weight = nn.Parameter(torch.zeros(count, *weight))
        self.bias = nn.Parameter(torch.zeros(count, weight[0])) if bias else None

    def initialise(self, network: int, generator: Generator) -> None:
        """U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weight, then bias."""
        bound = self.fan_in**-0.5
        with torch.no_grad():
            for parameter in self.parameters(recurse=False):
                drawn = torch.empty(parameter.shape[1:])
                parameter[network] = drawn.uniform_(-bound, bound, generator=generator)

    def zero(self, network: int) -> None:
        """Set weight and bias of one network to 0."""
        for parameter in self.parameters():
            parameter.data[network] = 0.0

    def weights(self, networks: slice) -> Tensor:
        """The weights [N, ...] of some networks."""
        return _rows(self.weight, networks)

    def biases(self, networks: slice) -> Tensor:
        """The biases [N, O] of some networks of a layer that has them."""
        assert self.bias is not None
        return _rows(self.bias, networks)


class Dense(Weighted):
    """Linear layer: [I, B], the same for all networks, or [N, I, B] -> [N, O, B].

    Attributes:
        rectified: whether its input, [N, I, B], goes through a ReLU first.
    """

    def __init__(
        self, count: int, inputs: int, outputs: int, fused: bool = False, rectified: bool = False
    ) -> None:
        super().__init__(count, (outputs, inputs), inputs, bias=True)
        self.rectified = rectified
        self.plain = dense if fused else dense_eager
        self.after_relu = relu_dense if fused else relu_dense_eager

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        weight_NOI, bias_NO = self.weights(networks), self.biases(networks)
        x_NIB = x.expand(len(weight_NOI), -1, -1) if x.ndim == 2 else x
        operation = self.after_relu if self.rectified else self.plain
        return operation(x_NIB, weight_NOI, bias_NO)


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

    def forward(self, x_CHWB: Tensor, networks: slice = _ALL) -> Tensor:
        weight_NOCKK, bias_NO = self.weights(networks), self.biases(networks)
        narrow = self.dense
        w = None if narrow is None else narrow.weights(networks)
        b = None if narrow is None else narrow.biases(networks)
        x_CHWB = F.pad(x_CHWB, (0, 0, *[self.padding] * 4)) if self.padding else x_CHWB
        z = self.operation(x_CHWB, weight_NOCKK.flatten(0, 1), bias_NO.flatten(), w, b)
        z = z.to(bias_NO.dtype)
        return z if narrow is not None else z.view(*bias_NO.shape, *z.shape[1:])

    def initialise(self, network: int, generator: Generator) -> None:
        super().initialise(network, generator)
        if self.dense is not None:
            self.dense.initialise(network, generator)


class Convolution(Weighted):
    """Stride-1 convolution: [C, H, W, B], the same for all networks, or [N, C, H, W, B]."""

    def __init__(self, count: int, inputs: int, layer: Conv, fused: bool) -> None:
        weight = (layer.conv, inputs, layer.kernel, layer.kernel)
        super().__init__(count, weight, inputs * layer.kernel**2, layer.bias)
        self.padding = layer.padding
        self.operation = convolve if fused else convolve_eager

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        bias_NO = None if self.bias is None else self.biases(networks)
        return self.operation(x, self.weights(networks), bias_NO, self.padding)


class BatchNorm(nn.Module):
    """Batch normalisation of each network's channels, [N, C, H, W, B] or features [N, C, B]."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, count: int, channels: int, fused: bool) -> None:
        super().__init__()
        self.operation = batch_norm if fused else batch_norm_eager
        self.weight = nn.Parameter(torch.ones(count, channels))
        self.bias = nn.Parameter(torch.zeros(count, channels))
        self.register_buffer("running_mean", torch.zeros(count, channels))
        self.register_buffer("running_var", torch.ones(count, channels))

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        tables = (self.weight, self.bias, self.running_mean, self.running_var)
        weight_K, bias_K, mean_K, var_K = (table[networks].flatten() for table in tables)
        x_KL = x.reshape(len(mean_K), -1)
        if self.training:
            return self.operation(x_KL, weight_K, bias_K, mean_K, var_K).view(x.shape)
        y_1KL = F.batch_norm(x_KL.unsqueeze(0), mean_K, var_K, weight_K, bias_K, eps=EPSILON)
        return y_1KL.view(x.shape)


class Pool(nn.Module):
    """Maximum pooling of [N, C, H, W, B].

    Attributes:
        rectified: whether a ReLU follows.
    """

    def __init__(self, size: int, fused: bool) -> None:
        super().__init__()
        self.size = size
        self.rectified = False
        self.operation = pool_relu if fused else pool_relu_eager

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        x_KHWB = x.flatten(0, 1)
        y_KRSB = (self.operation if self.rectified else max_pool)(x_KHWB, self.size)
        return y_KRSB.view(*x.shape[:2], *y_KRSB.shape[1:])


class Relu(nn.Module):
    """ReLU of anything."""

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        return F.relu(x)


class Spread(nn.Module):
    """The input, once for each network: [C, H, W, B] -> [N, C, H, W, B], [F, B] -> [N, F, B]."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        return x.expand(len(range(self.count)[networks]), *x.shape)


class Flatten(nn.Module):
    """Images to features: [C, H, W, B] -> [F, B] or [N, C, H, W, B] -> [N, F, B]."""

    def forward(self, x: Tensor, networks: slice = _ALL) -> Tensor:
        return x.flatten(-4, -2)


def _rows(parameter: Tensor, networks: slice) -> Tensor:
    """Some networks' share; of all of them no slice, whose gradient would be a copy."""
    return parameter if networks == _ALL else parameter[networks]


def _build(
    layers: Sequence[Layer], shape: tuple[int, ...], count: int, fused: bool
) -> tuple[list[nn.Module], int]:
    """The stages of a layer list and the width of what comes out of them."""
    stages: list[nn.Module] = []
    if has_stem(layers, shape):
        first_stage, shape, layers = _stem(layers, shape, count, fused)
        stages.append(first_stage)
    elif not isinstance(layers[0], Conv | Linear):
        stages.append(Spread(count))
    for layer in _pooled_first(layers):
        match layer:
            case Conv():
                stages.append(Convolution(count, shape[0], layer, fused))
                grow = 2 * layer.padding - layer.kernel + 1
                shape = (layer.conv, shape[1] + grow, shape[2] + grow)
            case MaxPool():
                stages.append(Pool(layer.max_pool, fused))
                shape = (shape[0], shape[1] // layer.max_pool, shape[2] // layer.max_pool)
            case Linear():
                if len(shape) == 3:
                    shape = (prod(shape),)
                    stages.append(Flatten())
                stages.append(Dense(count, shape[0], layer.linear, fused))
                shape = (layer.linear,)
            case "batch_norm":
                stages.append(BatchNorm(count, shape[0], fused))
            case "relu":
                stages.append(Relu())
    if len(shape) == 3:
        shape = (prod(shape),)
        stages.append(Flatten())
    return _with_relus(stages), shape[0]


def _stem(
    layers: Sequence[Layer], shape: tuple[int, ...], count: int, fused: bool
) -> tuple[Stem, tuple[int, ...], Sequence[Layer]]:
    """The first stage of a layer list that has a stem, the shape it gives, and what follows."""
    conv = layers[0]
    assert isinstance(conv, Conv)
    stage = Stem(count, shape[0], conv, fused and worth_fusing(shape))
    grow = 2 * conv.padding - conv.kernel + 1
    shape, layers = (conv.conv, *((side + grow) // 2 for side in shape[1:])), layers[3:]
    if layers and isinstance(layers[0], Linear) and layers[0].linear <= NARROW:
        stage.dense = Dense(count, prod(shape), layers[0].linear)
        shape, layers = (layers[0].linear,), layers[1:]
    return stage, shape, layers


def _pooled_first(layers: Sequence[Layer]) -> list[Layer]:
    """Pools before the ReLUs that they follow: the same function, and less for ReLUs to do."""
    ordered = list(layers)
    for place, (layer, after) in enumerate(pairwise(layers)):
        if layer == "relu" and isinstance(after, MaxPool):
            ordered[place : place + 2] = after, layer
    return ordered


def _with_relus(stages: Sequence[nn.Module]) -> list[nn.Module]:
    """The same function with ReLUs as a part of what pools before them or is dense after them."""
    joined: list[nn.Module] = []
    for stage in stages:
        before = joined[-1] if joined else None
        if isinstance(stage, Relu) and isinstance(before, Pool):
            before.rectified = True
            continue
        if isinstance(stage, Dense) and isinstance(before, Relu):
            stage.rectified = True
            joined.pop()
        joined.append(stage)
    return joined
