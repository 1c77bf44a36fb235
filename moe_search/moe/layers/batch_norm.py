"""Batch normalisation.

Shape suffixes: N network, C channel, B sample; K L channel of any network and its places.
"""

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.ops.batch_norm import EPSILON, batch_norm, batch_norm_eager
from moe_search.spec.kinds.layers import Layer


class BatchNorm(StackedLayer):
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

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        return cls(count, shape[0], fused)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        tables = (self.weight, self.bias, self.running_mean, self.running_var)
        weight_K, bias_K, mean_K, var_K = (table[networks].flatten() for table in tables)
        x_KL = x.reshape(len(mean_K), -1)
        if self.training:
            return self.operation(x_KL, weight_K, bias_K, mean_K, var_K).view(x.shape)
        y_1KL = F.batch_norm(x_KL.unsqueeze(0), mean_K, var_K, weight_K, bias_K, eps=EPSILON)
        return y_1KL.view(x.shape)
