"""The first layer of small image networks as one operation: convolution, maximum of 2x2, ReLU.

Shape suffixes: N channels (of all networks side by side), H W image, R S rows and columns after
pooling, K kernel side, B sample (innermost, so that every line of memory is a run of samples).

On a CPU these layers are bound by memory, not arithmetic: the convolution's output is written,
read by the pooling and read again backward. The fused operation (``stem.cpp``) computes each pooled
cell from its image patch alone and remembers only which of the four positions won.
``conv_pool_relu_eager`` is the same operation in plain torch, for devices and machines without a
compiler and as the reference of the tests.
"""

from ctypes import c_long, c_void_p
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.moe.native import library

_KERNELS = (3, 5)
_SMALLEST = 16  # pixels a side; below, plain torch is as fast


def worth_fusing(shape: tuple[int, ...]) -> bool:
    """Whether the fused operation serves samples of this shape: grey images of some size."""
    return len(shape) == 3 and shape[0] == 1 and min(shape[1:]) >= _SMALLEST


def conv_pool_relu_eager(x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
    """relu(maxpool2(conv(x))) -> [N, R, S, B]; valid padding, odd last rows and columns dropped."""
    y_BNHW = F.conv2d(x_HWB.permute(2, 0, 1).unsqueeze(1), w_NKK.unsqueeze(1), b_N)
    return F.max_pool2d(F.relu(y_BNHW), 2).permute(1, 2, 3, 0).contiguous()


def conv_pool_relu(x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
    """The fused form of ``conv_pool_relu_eager``: same shapes, same numbers to float tolerance.

    Kernels of other sizes than 3 and 5, other types than float32, other devices than the CPU and
    batches of less than a vector of samples take the eager form.

    Raises:
        OSError: it cannot be compiled (see ``native``).
    """
    samples, kernel = x_HWB.shape[-1], w_NKK.shape[-1]
    fits = x_HWB.dtype == w_NKK.dtype == torch.float32 and x_HWB.device.type == "cpu"
    if not fits or kernel not in _KERNELS or samples < _lanes():
        return conv_pool_relu_eager(x_HWB, w_NKK, b_N)
    out: Tensor = _ConvPoolRelu.apply(x_HWB.contiguous(), w_NKK.contiguous(), b_N.contiguous())
    return out


class _ConvPoolRelu(torch.autograd.Function):
    """Gradients for weight and bias; the image itself needs none."""

    @staticmethod
    def forward(ctx: Any, x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
        channels, kernel, _ = w_NKK.shape
        height, width, samples = x_HWB.shape
        cells = (channels, (height - kernel + 1) // 2, (width - kernel + 1) // 2, samples)
        z_NRSB = x_HWB.new_empty(cells)
        winner_NRSB = torch.empty(cells, dtype=torch.uint8)
        _call(f"forward_{kernel}", (x_HWB, w_NKK, b_N, z_NRSB, winner_NRSB), x_HWB, channels)
        ctx.save_for_backward(x_HWB, winner_NRSB)
        ctx.kernel = kernel
        return z_NRSB

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_NRSB: Tensor) -> tuple[None, Tensor, Tensor]:
        x_HWB, winner_NRSB = ctx.saved_tensors
        kernel, channels = ctx.kernel, len(g_NRSB)
        sums = x_HWB.new_empty(channels, kernel**2 + 1, _lanes())
        dw_NKK, db_N = x_HWB.new_empty(channels, kernel, kernel), x_HWB.new_empty(channels)
        tensors = (x_HWB, g_NRSB.contiguous(), winner_NRSB, sums, dw_NKK, db_N)
        _call(f"backward_{kernel}", tensors, x_HWB, channels)
        return None, dw_NKK, db_N


def _lanes() -> int:
    """Samples in one vector of the processor."""
    return c_long.in_dll(library(), "lanes").value


def _call(name: str, tensors: tuple[Tensor, ...], x_HWB: Tensor, channels: int) -> None:
    pointers = [c_void_p(tensor.data_ptr()) for tensor in tensors]
    sizes = [c_long(size) for size in (*x_HWB.shape, channels)]
    getattr(library(), name)(*pointers, *sizes)
