"""Sums and products that round the same in any company.

A model's numbers must not depend on what trains beside it, but torch picks the order of a sum and
the kernel of a product by the size of the whole tensor, which other models make larger.

Shape suffixes: P model, M expert, B sample, C column.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

_BLOCK = 16
_VECTORS = 64  # numbers: a whole number of any processor's vectors


def sum_over_experts(x_PM: Tensor) -> Tensor:
    """[P, M, ...] -> [P, ...], one expert after another: zeros of absent ones change no bit."""
    sum_P: Tensor = _Sum.apply(x_PM)
    return sum_P


class _Sum(torch.autograd.Function):
    """As one operation: adding one expert after another would leave as many to differentiate."""

    @staticmethod
    def forward(ctx: Any, x_PM: Tensor) -> Tensor:
        ctx.experts = x_PM.shape[1]
        first_P, *others = x_PM.unbind(1)
        sum_P = first_P.clone()
        for other_P in others:
            sum_P += other_P
        return sum_P

    @staticmethod
    def backward(ctx: Any, g_P: Tensor) -> Tensor:
        return g_P.unsqueeze(1).expand(-1, ctx.experts, *g_P.shape[1:])


def rowwise_product(
    rows_PMB: Tensor,
    matrix: Tensor,
    product: Callable[[Tensor, Tensor], Tensor] = torch.bmm,
) -> Tensor:
    """rows @ matrix, [B, C] for all or [P, B, C], -> [P, M, C].

    In blocks of one size, none with rows of two models.
    """
    models, experts, inner = rows_PMB.shape
    blocks = F.pad(rows_PMB, (0, 0, 0, -experts % _BLOCK)).view(models, -1, _BLOCK, inner)
    each_P1BC = matrix.expand(models, *matrix.shape[-2:]).unsqueeze(1)
    each_PBC = each_P1BC.expand(-1, blocks.shape[1], -1, -1).flatten(0, 1)
    each_P16C = product(blocks.flatten(0, 1), each_PBC).to(rows_PMB.dtype)
    return each_P16C.view(models, -1, each_P16C.shape[2])[:, :experts]


def in_whole_vectors(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A function of every number by itself.

    The last numbers of a tensor, which fill no vector, torch may compute by another kernel than all
    before; which those are depends on the company. So there are none.
    """
    missing = -x.numel() % _VECTORS
    if not missing:
        return function(x)
    return function(F.pad(x.flatten(), (0, missing)))[: x.numel()].view(x.shape)


def spread_over_experts(x_P: Tensor, experts: int) -> Tensor:
    """[P, ...] -> [P, M, ...], the same for each expert; gradients add up expert after expert."""
    spread_PM: Tensor = _Spread.apply(x_P, experts)
    return spread_PM


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x_P: Tensor, experts: int) -> Tensor:
        return x_P.unsqueeze(1).expand(-1, experts, *x_P.shape[1:])

    @staticmethod
    def backward(ctx: FunctionCtx, g_PM: Tensor) -> tuple[Tensor, None]:
        return sum_over_experts(g_PM), None
