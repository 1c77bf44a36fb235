"""Convolutions.

Shape suffixes: N network, O outputs.
"""

from typing import Self

from torch import Tensor

from moe_search.moe.layers.base import ALL, Weighted
from moe_search.ops.winograd import convolve, convolve_eager
from moe_search.spec.kinds.layers import Conv, Layer


class Convolution(Weighted):
    """Convolution: [C, H, W, B], the same for all networks, or [N, C, H, W, B]."""

    def __init__(self, count: int, inputs: int, layer: Conv, fused: bool) -> None:
        weight = (layer.conv, inputs, layer.kernel, layer.kernel)
        super().__init__(count, weight, inputs * layer.kernel**2, layer.bias)
        self.padding, self.stride = layer.padding, layer.stride
        self.operation = convolve if fused else convolve_eager

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, Conv)
        return cls(count, shape[0], layer, fused)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        bias_NO = None if self.bias is None else self.biases(networks)
        return self.operation(x, self.weights(networks), bias_NO, self.padding, self.stride)
