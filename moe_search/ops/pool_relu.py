"""Maximum of 2x2 and ReLU of images with samples innermost, as one operation.

Shape suffixes: K channel (of all networks side by side), H W image, R S rows and columns after
pooling, B sample.

On a CPU torch's operations write the maxima and their places as long integers, read and write the
maxima again for the ReLU, and backward clear the image before they fill it. The compiled one
(``pool_relu.cpp``) reads and writes every number once, and a byte for each place.
"""

from ctypes import CDLL
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import call, constant, library


def pool_relu_eager(x_KHWB: Tensor, size: int) -> Tensor:
    """The ReLU of ``max_pool``."""
    return F.relu(max_pool(x_KHWB, size))


def max_pool(x_KHWB: Tensor, size: int) -> Tensor:
    """The maximum of each square, [K, R, S, B]; rows and columns that fill none are dropped."""
    # samples stand in for channels that are innermost, which torch pools whole vectors of
    images = x_KHWB.permute(0, 3, 1, 2)
    return F.max_pool2d(images, size).permute(0, 2, 3, 1).contiguous()


def pool_relu(x_KHWB: Tensor, size: int) -> Tensor:
    """The compiled form of ``pool_relu_eager``: same shapes, same numbers.

    Other squares than 2x2, batches that are no whole number of vectors, other types than float32
    and other devices than the CPU take the eager form.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    fits = size == 2 and x_KHWB.dtype == torch.float32 and x_KHWB.device.type == "cpu"
    compiled = library("pool_relu.cpp") if fits else None
    if compiled is None or x_KHWB.shape[3] % constant(compiled, "lanes"):
        return pool_relu_eager(x_KHWB, size)
    y_KRSB: Tensor = _PoolRelu.apply(x_KHWB.contiguous(), compiled)
    return y_KRSB


class _PoolRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_KHWB: Tensor, compiled: CDLL) -> Tensor:
        channels, height, width, samples = x_KHWB.shape
        y_KRSB = x_KHWB.new_empty(channels, height // 2, width // 2, samples)
        from_KRSB = torch.empty_like(y_KRSB, dtype=torch.int8)
        call(compiled.forward, (x_KHWB, y_KRSB, from_KRSB), *x_KHWB.shape)
        ctx.save_for_backward(from_KRSB)
        ctx.shape, ctx.compiled = x_KHWB.shape, compiled
        return y_KRSB

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_KRSB: Tensor) -> tuple[Tensor, None]:
        (from_KRSB,) = ctx.saved_tensors
        _, height, width, _ = ctx.shape
        whole = height % 2 == width % 2 == 0
        dx_KHWB = (g_KRSB.new_empty if whole else g_KRSB.new_zeros)(ctx.shape)
        call(ctx.compiled.backward, (g_KRSB.contiguous(), from_KRSB, dx_KHWB), *ctx.shape)
        return dx_KHWB, None
