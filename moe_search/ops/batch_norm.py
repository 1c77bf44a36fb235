"""Batch normalisation in training, of channels whose samples lie in one run of memory.

Shape suffixes: K channel (of all networks side by side), L place (pixels and samples).

On a CPU torch's operation takes several times as long as its numbers take to be read and written.
The compiled one (``batch_norm.cpp``) reads each channel twice, and once more to write it.
"""

from ctypes import CDLL
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import call, constant, library

EPSILON = 1e-5  # torch's, as is the momentum
_MOMENTUM = 0.1


def batch_norm_eager(
    x_KL: Tensor, w_K: Tensor, b_K: Tensor, mean_K: Tensor, var_K: Tensor
) -> Tensor:
    """(x - mean) / sqrt(var + 1e-5) w + b -> [K, L], by mean and biased variance of each channel.

    The running ``mean_K`` and ``var_K`` (unbiased) go a tenth of the way to these.
    """
    x_1KL = x_KL.unsqueeze(0)
    return F.batch_norm(x_1KL, mean_K, var_K, w_K, b_K, True, _MOMENTUM, EPSILON).squeeze(0)


def batch_norm(x_KL: Tensor, w_K: Tensor, b_K: Tensor, mean_K: Tensor, var_K: Tensor) -> Tensor:
    """The compiled form of ``batch_norm_eager``: same shapes, same numbers to float tolerance.

    Channels that are no whole number of vectors, other types than float32 and other devices than
    the CPU take the eager form.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    fits = x_KL.dtype == w_K.dtype == torch.float32 and x_KL.device.type == "cpu"
    compiled = library("batch_norm.cpp") if fits else None
    length = x_KL.shape[1]
    if compiled is None or length % constant(compiled, "lanes"):
        return batch_norm_eager(x_KL, w_K, b_K, mean_K, var_K)
    y_KL, batch_mean_K, batch_var_K = _BatchNorm.apply(
        x_KL.contiguous(), w_K.contiguous(), b_K.contiguous(), compiled
    )
    mean_K.lerp_(batch_mean_K, _MOMENTUM)
    var_K.lerp_(batch_var_K * (length / (length - 1)), _MOMENTUM)
    normalised_KL: Tensor = y_KL
    return normalised_KL


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_KL: Tensor, w_K: Tensor, b_K: Tensor, compiled: CDLL
    ) -> tuple[Tensor, Tensor, Tensor]:
        y_KL, mean_K, var_K = torch.empty_like(x_KL), torch.empty_like(w_K), torch.empty_like(w_K)
        call(compiled.forward, (x_KL, w_K, b_K, y_KL, mean_K, var_K), *x_KL.shape, EPSILON)
        ctx.save_for_backward(x_KL, w_K, mean_K, var_K)
        ctx.mark_non_differentiable(mean_K, var_K)
        ctx.compiled = compiled
        return y_KL, mean_K, var_K

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_KL: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x_KL, w_K, mean_K, var_K = ctx.saved_tensors
        dx_KL, dw_K, db_K = torch.empty_like(x_KL), torch.empty_like(w_K), torch.empty_like(w_K)
        tensors = (x_KL, w_K, mean_K, var_K, g_KL.contiguous(), dx_KL, dw_K, db_K)
        call(ctx.compiled.backward, tensors, *x_KL.shape, EPSILON)
        return dx_KL, dw_K, db_K, None
