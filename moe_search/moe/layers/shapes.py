"""What stands between layers of different shapes; no layer list names it.

Shape suffixes: N network, C H W image, F features, B sample.
"""

from torch import Tensor

from moe_search.moe.layers.base import ALL, StackedLayer


class Spread(StackedLayer):
    """The input, once for each network: [C, H, W, B] -> [N, C, H, W, B], [F, B] -> [N, F, B]."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        return x.expand(len(range(self.count)[networks]), *x.shape)


class Flatten(StackedLayer):
    """Images to features: [C, H, W, B] -> [F, B] or [N, C, H, W, B] -> [N, F, B]."""

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        return x.flatten(-4, -2)
