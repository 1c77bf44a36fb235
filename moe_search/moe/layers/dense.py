"""Dense layers.

Shape suffixes: N network, I O inputs and outputs, B sample.
"""

from typing import Self

from torch import Tensor

from moe_search.moe.layers.base import ALL, Weighted
from moe_search.ops.dense import dense, dense_eager
from moe_search.spec.kinds.layers import Layer, Linear


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
        self.operation = dense if fused else dense_eager

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, Linear)
        return cls(count, shape[0], layer.linear, fused)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        weight_NOI, bias_NO = self.weights(networks), self.biases(networks)
        x_NIB = x.expand(len(weight_NOI), -1, -1) if x.ndim == 2 else x
        return self.operation(x_NIB, weight_NOI, bias_NO, self.rectified)
