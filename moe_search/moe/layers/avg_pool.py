"""Average pooling.

Shape suffixes: N network, K channel of any network, H W image, R S rows and columns after it,
B sample.
"""

from typing import Self

import torch.nn.functional as F
from torch import Tensor

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.spec.kinds.layers import AvgPool, Layer


class AveragePooling(StackedLayer):
    """Average pooling of [N, C, H, W, B]; rows and columns that fill no square are dropped."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, AvgPool)
        return cls(layer.avg_pool)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        # samples stand in for channels that are innermost, of which torch adds whole vectors
        images = x.flatten(0, 1).permute(0, 3, 1, 2)
        y_KRSB = F.avg_pool2d(images, self.size).permute(0, 2, 3, 1).contiguous()
        return y_KRSB.view(*x.shape[:2], *y_KRSB.shape[1:])
