"""A ReLU and a dense layer of few inputs and outputs as one operation.

Shape suffixes: N network, I O inputs and outputs, B sample.

On a CPU a product of such small matrices for each network takes several times what its numbers take
to be read, and the ReLU writes and reads them once more. The compiled operation
(``relu_dense.cpp``) does both in registers. It has nothing to gain from bfloat16, so nothing is
rounded to it, under autocast either.
"""

from ctypes import CDLL
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import call, constant, library
from moe_search.ops.dense import dense, dense_eager

_MOST = 32
"""Inputs and outputs up to which it is compiled, which each size is for itself.

The layer of any size (``dense``) takes a sixth longer at 16 and less from 32 on, but twice as long
with 5 inputs (tests/benchmarks/kernels.py).
"""


def relu_dense_eager(x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor) -> Tensor:
    """w relu(x) + b, [N, O, B]."""
    return dense_eager(x_NIB, w_NOI, b_NO, rectified=True)


def relu_dense(x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor) -> Tensor:
    """The compiled form of ``relu_dense_eager``: same shapes, same numbers to float tolerance.

    Wider layers, batches that are no whole number of vectors, other types than float32 and other
    devices than the CPU take ``dense``.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    outputs, inputs = w_NOI.shape[1:]
    fits = x_NIB.dtype == w_NOI.dtype == torch.float32 and x_NIB.device.type == "cpu"
    narrow = fits and max(inputs, outputs) <= _MOST
    compiled = library("relu_dense.cpp", INPUTS=inputs, OUTPUTS=outputs) if narrow else None
    if compiled is None or x_NIB.shape[2] % constant(compiled, "lanes"):
        return dense(x_NIB, w_NOI, b_NO, rectified=True)
    operands = (tensor.contiguous() for tensor in (x_NIB, w_NOI, b_NO))
    y_NOB: Tensor = _ReluDense.apply(*operands, compiled)
    return y_NOB


class _ReluDense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NIB: Tensor, w_NOI: Tensor, b_NO: Tensor, compiled: CDLL) -> Tensor:
        y_NOB = x_NIB.new_empty(*b_NO.shape, x_NIB.shape[2])
        call(compiled.forward, (x_NIB, w_NOI, b_NO, y_NOB), len(x_NIB), x_NIB.shape[2])
        ctx.save_for_backward(x_NIB, w_NOI)
        ctx.compiled = compiled
        return y_NOB

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_NOB: Tensor) -> tuple[Tensor | None, ...]:
        x_NIB, w_NOI = ctx.saved_tensors
        dx_NIB, dw_NOI = torch.empty_like(x_NIB), torch.empty_like(w_NOI)
        db_NO = w_NOI.new_empty(w_NOI.shape[:2])
        tensors = (x_NIB, w_NOI, g_NOB.contiguous(), dx_NIB, dw_NOI, db_NO)
        call(ctx.compiled.backward, tensors, len(x_NIB), x_NIB.shape[2])
        return dx_NIB, dw_NOI, db_NO, None
