"""The mean of each channel.

Shape suffixes: N network, C channel, H W image, B sample.
"""

from typing import Self

from torch import Tensor

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.spec.kinds.layers import Layer


class GlobalAveragePooling(StackedLayer):
    """Images to features, the mean over their positions: [N, C, H, W, B] -> [N, C, B]."""

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        return cls()

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        return x.flatten(2, 3).mean(2)
