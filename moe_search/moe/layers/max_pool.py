"""Maximum pooling.

Shape suffixes: N network, K channel of any network, H W image, R S rows and columns after it,
B sample.
"""

from typing import Self

from torch import Tensor

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.ops.pool_relu import max_pool, pool_relu, pool_relu_eager
from moe_search.spec.kinds.layers import Layer, MaxPool


class MaxPooling(StackedLayer):
    """Maximum pooling of [N, C, H, W, B].

    Attributes:
        rectified: whether a ReLU follows.
    """

    def __init__(self, size: int, fused: bool) -> None:
        super().__init__()
        self.size = size
        self.rectified = False
        self.operation = pool_relu if fused else pool_relu_eager

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, MaxPool)
        return cls(layer.max_pool, fused)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        x_KHWB = x.flatten(0, 1)
        y_KRSB = (self.operation if self.rectified else max_pool)(x_KHWB, self.size)
        return y_KRSB.view(*x.shape[:2], *y_KRSB.shape[1:])
