"""Convolutions of an image of few channels that all networks share, as one operation.

Shape suffixes: K channel of any network, I input channel, H W image, S kernel side, B sample.

There is little to multiply, so writing the results bounds it; a product of matrices would first
write every pixel once for each weight that meets it. The compiled operation (``shared_conv.cpp``)
keeps pixels near the registers instead.
"""

from ctypes import CDLL
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import call, constant, library, slab


def direct(x_IHWB: Tensor, w_KISS: Tensor, b_K: Tensor | None, padding: int) -> Tensor:
    """Convolutions of stride 1 of float32 images on the CPU, [K, H + 2 padding - S + 1, W', B].

    The image itself gets no gradient.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    compiled = library("shared_conv.cpp", INPUTS=len(x_IHWB), KERNEL=w_KISS.shape[-1])
    samples = x_IHWB.shape[-1]
    missing = -samples % constant(compiled, "lanes")
    padded = F.pad(x_IHWB, (0, missing, *[padding] * 4)) if missing or padding else x_IHWB
    y_KHWB: Tensor = _Direct.apply(padded.contiguous(), w_KISS.contiguous(), b_K, compiled)
    return y_KHWB[..., :samples].contiguous() if missing else y_KHWB


class _Direct(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_IHWB: Tensor, w_KISS: Tensor, b_K: Tensor | None, compiled: CDLL
    ) -> Tensor:
        _, height, width, samples = x_IHWB.shape
        channels, grow = len(w_KISS), 1 - w_KISS.shape[-1]
        y_KHWB = x_IHWB.new_empty(channels, height + grow, width + grow, samples)
        bias_K = None if b_K is None else b_K.contiguous()
        tensors = (x_IHWB, w_KISS, bias_K, slab(compiled, x_IHWB), y_KHWB)
        call(compiled.forward, tensors, height, width, samples, channels)
        ctx.save_for_backward(x_IHWB, w_KISS)
        ctx.compiled = compiled
        return y_KHWB

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_KHWB: Tensor) -> tuple[Tensor | None, ...]:
        x_IHWB, w_KISS = ctx.saved_tensors
        channels, weights = len(w_KISS), w_KISS.shape[1:].numel()
        sums = x_IHWB.new_zeros(channels, weights + 1, constant(ctx.compiled, "lanes"))
        dw_KISS, db_K = torch.empty_like(w_KISS), x_IHWB.new_empty(channels)
        space = slab(ctx.compiled, x_IHWB)
        tensors = (x_IHWB, g_KHWB.contiguous(), space, sums, dw_KISS, db_K)
        call(ctx.compiled.backward, tensors, *x_IHWB.shape[1:], channels)
        return None, dw_KISS, db_K if ctx.needs_input_grad[2] else None, None
