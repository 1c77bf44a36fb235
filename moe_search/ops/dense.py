"""Dense layers of stacked networks, perhaps with a ReLU of their input, as one operation.

Shape suffixes: N network, I O inputs and outputs, B sample; P model, M expert.

On a CPU the time of a small layer goes into what surrounds its products: a call for each matrix,
packing, a ReLU and a bias that read and write everything once more. The compiled operation
(``dense.cpp``) takes all networks in one call, packs an input that they share once, and does the
rest in registers. Narrow layers have nothing to gain from bfloat16, so nothing of them is rounded
to it, under autocast either.
"""

from ctypes import CDLL
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import call, library
from moe_search.ops.invariant import rowwise_product
from moe_search.ops.matmul import product

_MOST = 512
"""Inputs and outputs up to which it is compiled.

Above, what surrounds a product takes little of its time, and libraries that pack both factors of it
are faster (tests/benchmarks/kernels.py).
"""

_NARROW = 32  # inputs and outputs up to which a layer is not rounded under autocast


def dense_eager(x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor, rectified: bool = False) -> Tensor:
    """w x + b, [N, O, B], or w relu(x) + b."""
    in_NIB = x_NIB.relu() if rectified else x_NIB
    return torch.baddbmm(b_NO.unsqueeze(2), w_NOI, in_NIB).to(b_NO.dtype)


def dense(x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor, rectified: bool = False) -> Tensor:
    """The fast form of ``dense_eager``: same shapes, same numbers to float tolerance.

    Larger layers, other types than float32 and other devices than the CPU take ``product``, and so
    do layers that are not narrow under autocast.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    if not _serves(x_NIB, w_NOI):
        in_NIB = x_NIB.relu() if rectified else x_NIB
        return product(w_NOI, in_NIB).to(b_NO.dtype).add_(b_NO.unsqueeze(2))
    return _compiled(x_NIB, w_NOI, b_NO, rectified)


def scores_eager(x_PIB: Tensor, w_PMI: Tensor, b_PM: Tensor) -> Tensor:
    """w relu(x) + b, [P, M, B], of models whose rows are padded to those of the largest.

    No bit of a row depends on how many there are.
    """
    return rowwise_product(w_PMI, x_PIB.relu()) + b_PM.unsqueeze(2)


def scores(x_PIB: Tensor, w_PMI: Tensor, b_PM: Tensor) -> Tensor:
    """The fast form of ``scores_eager``: same shapes, same numbers to float tolerance.

    What ``dense`` does not compile takes the eager form.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    if not _serves(x_PIB, w_PMI):
        return scores_eager(x_PIB, w_PMI, b_PM)
    return _compiled(x_PIB, w_PMI, b_PM, rectified=True)


def _serves(x_NIB: Tensor, w_NOI: Tensor) -> bool:
    """Whether a layer is of a kind and of sizes for which it is compiled."""
    fits = x_NIB.dtype == w_NOI.dtype == torch.float32 and x_NIB.device.type == "cpu"
    return fits and max(w_NOI.shape[1:]) <= (_NARROW if torch.is_autocast_enabled("cpu") else _MOST)


def _compiled(x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor, rectified: bool) -> Tensor:
    shared = x_NIB.stride(0) == 0
    in_memory = x_NIB[:1].contiguous().expand_as(x_NIB) if shared else x_NIB.contiguous()
    operands = (in_memory, w_NOI.contiguous(), b_NO.contiguous())
    y_NOB: Tensor = _Dense.apply(*operands, rectified, library("dense.cpp"))
    return y_NOB


class _Dense(torch.autograd.Function):
    """Gradients of weights that have some already are added to them in place.

    Autograd would write them elsewhere, and then read and add all of them.
    """

    @staticmethod
    def forward(
        ctx: Any, x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor, rectified: bool, compiled: CDLL
    ) -> Tensor:
        y_NOB = x_NIB.new_empty(*b_NO.shape, x_NIB.shape[2])
        ctx.sizes = (*w_NOI.shape, x_NIB.shape[2], x_NIB.stride(0) == 0, rectified)
        call(compiled.forward, (x_NIB, w_NOI, b_NO, y_NOB), *ctx.sizes)
        ctx.save_for_backward(x_NIB, w_NOI, b_NO)
        ctx.compiled = compiled
        return y_NOB

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_NOB: Tensor) -> tuple[Tensor | None, ...]:
        x_NIB, w_NOI, b_NO = ctx.saved_tensors
        wants_x, wants_w, wants_b, *_ = ctx.needs_input_grad
        g_NOB = g_NOB.contiguous()
        dx_NIB = None
        if wants_x:
            dx_NIB = g_NOB.new_empty(x_NIB.shape)
            call(ctx.compiled.gradient_of_inputs, (x_NIB, w_NOI, g_NOB, dx_NIB), *ctx.sizes)
        if not (wants_w or wants_b):
            return dx_NIB, None, None, None, None
        dw_NOI, db_NO = _gradient(w_NOI), _gradient(b_NO)
        to_w_NOI = w_NOI.grad if dw_NOI is None else dw_NOI
        to_b_NO = b_NO.grad if db_NO is None else db_NO
        call(ctx.compiled.gradient_of_weights, (x_NIB, g_NOB, to_w_NOI, to_b_NO), *ctx.sizes)
        return dx_NIB, dw_NOI, db_NO, None, None


def _gradient(learned: Tensor) -> Tensor | None:
    """Zeros for the gradient of a tensor; None if it has one that can be added to."""
    if learned.is_leaf and learned.grad is not None and learned.grad.is_contiguous():
        return None
    return torch.zeros_like(learned)
