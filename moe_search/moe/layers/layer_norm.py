"""Layer normalisation.

Shape suffixes: N network, C channel or feature, B sample.
"""

from typing import Self

import torch
from torch import Tensor, nn

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.spec.kinds.layers import Layer

_EPSILON = 1e-5  # torch's


class LayerNorm(StackedLayer):
    """(x - mean) / sqrt(var + 1e-5) w + b, by mean and biased variance of each sample.

    Of features [N, C, B] over the features; of images [N, C, H, W, B] over the channels at each
    position, as in "A ConvNet for the 2020s" (Liu et al., arXiv 2201.03545).
    """

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(count, channels))
        self.bias = nn.Parameter(torch.zeros(count, channels))

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        return cls(count, shape[0])

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        centred = x - x.mean(1, keepdim=True)
        scale = (centred.square().mean(1, keepdim=True) + _EPSILON).rsqrt()
        weight, bias = (
            table[networks].view(-1, x.shape[1], *[1] * (x.ndim - 2))
            for table in (self.weight, self.bias)
        )
        return centred * scale * weight + bias
