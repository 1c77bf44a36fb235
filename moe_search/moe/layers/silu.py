"""The sigmoid-weighted linear unit."""

from typing import Self

import torch.nn.functional as F
from torch import Tensor

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.ops.invariant import in_whole_vectors
from moe_search.spec.kinds.layers import Layer


class Silu(StackedLayer):
    """SiLU of anything, x / (1 + exp(-x)).

    Source: "Sigmoid-Weighted Linear Units" (Elfwing et al., arXiv 1702.03118); the swish of
    arXiv 1710.05941.
    """

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        return cls()

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        return in_whole_vectors(F.silu, x)
