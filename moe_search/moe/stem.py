"""The first layer of small image networks as one operation: convolution, maximum of 2x2, ReLU.

Shape suffixes: N channels (of all networks side by side), H W image, R S rows and columns after
pooling, K kernel side, B sample (innermost, so that every line of memory is a run of samples).

On a CPU these layers are bound by memory, not arithmetic: the convolution's output is written,
read by the pooling and read again backward. The fused operation computes each pooled cell from its
image patch alone and remembers only which of the four positions won. It is compiled twice, forward
and backward, as two functions: traced as one graph, the backward would recompute the forward.
``conv_pool_relu_eager`` is the same operation in plain torch, for devices and machines without a
compiler and as the reference of the tests.
"""

from collections.abc import Callable, Iterator
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

_KILLED = 4.0  # the "position" of cells that the ReLU set to zero


_SMALLEST = 16  # pixels a side; below, compiling costs more than it saves


def worth_fusing(shape: tuple[int, ...]) -> bool:
    """Whether the fused operation serves samples of this shape: grey images of some size."""
    return len(shape) == 3 and shape[0] == 1 and min(shape[1:]) >= _SMALLEST


def conv_pool_relu_eager(x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
    """relu(maxpool2(conv(x))) -> [N, R, S, B]; valid padding, odd last rows and columns dropped."""
    y_BNHW = F.conv2d(x_HWB.permute(2, 0, 1).unsqueeze(1), w_NKK.unsqueeze(1), b_N)
    return F.max_pool2d(F.relu(y_BNHW), 2).permute(1, 2, 3, 0).contiguous()


def conv_pool_relu(x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
    """The fused form of ``conv_pool_relu_eager``: same shapes, same numbers to float tolerance.

    A single sample takes the eager form: it would need compiled kernels of its own.
    """
    if x_HWB.shape[-1] == 1:
        return conv_pool_relu_eager(x_HWB, w_NKK, b_N)
    out: Tensor = _ConvPoolRelu.apply(x_HWB, w_NKK, b_N)
    return out


class _ConvPoolRelu(torch.autograd.Function):
    """Gradients for weight and bias; the image itself needs none."""

    @staticmethod
    def forward(ctx: FunctionCtx, x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
        _mark_dynamic(x_HWB, -1)
        _mark_dynamic(w_NKK, 0)
        _mark_dynamic(b_N, 0)
        z_NRSB, position_NRSB = _compiled(_forward)(x_HWB, w_NKK, b_N)
        ctx.save_for_backward(x_HWB, position_NRSB)
        ctx.kernel = w_NKK.shape[-1]  # type: ignore[attr-defined]
        return z_NRSB

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, g_NRSB: Tensor) -> tuple[None, Tensor, Tensor]:
        x_HWB, position_NRSB = ctx.saved_tensors  # type: ignore[attr-defined]
        _mark_dynamic(g_NRSB, 0, -1)
        _mark_dynamic(position_NRSB, 0, -1)
        kernel: int = ctx.kernel  # type: ignore[attr-defined]
        return None, *_compiled(_backward)(x_HWB, g_NRSB, position_NRSB, kernel)


_Kernel = Callable[..., tuple[Tensor, Tensor]]


@cache
def _compiled(kernel: _Kernel) -> _Kernel:
    """The kernel compiled, at the first call: the compiler takes seconds to import."""
    compiled: _Kernel = torch.compile(kernel)
    return compiled


def _mark_dynamic(tensor: Tensor, *axes: int) -> None:
    """One compiled kernel serves every number of channels and samples above one."""
    import torch._dynamo

    for axis in axes:
        if tensor.shape[axis] > 1:
            torch._dynamo.mark_dynamic(tensor, axis % tensor.ndim)


def _shifted(x_HWB: Tensor, dy: int, dx: int, kernel: int) -> Tensor:
    """The image as the pooled cells see it at one offset: [R, S, B]."""
    rows = (x_HWB.shape[0] - kernel + 1) // 2
    columns = (x_HWB.shape[1] - kernel + 1) // 2
    return x_HWB[dy : dy + 2 * rows : 2, dx : dx + 2 * columns : 2]


def _positions() -> Iterator[tuple[int, int]]:
    return ((dy, dx) for dy in (0, 1) for dx in (0, 1))


def _forward(x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> tuple[Tensor, Tensor]:
    kernel = w_NKK.shape[-1]
    best: Tensor | None = None
    for position, (dy, dx) in enumerate(_positions()):
        y = b_N[:, None, None, None]
        for i in range(kernel):
            for j in range(kernel):
                y = y + w_NKK[:, i, j, None, None, None] * _shifted(x_HWB, dy + i, dx + j, kernel)
        if best is None:
            # float: an integer winner would stop the compiler from vectorising the whole loop
            best, winner = y, torch.zeros_like(y)
        else:
            winner = torch.where(y > best, float(position), winner)
            best = torch.maximum(best, y)
    assert best is not None
    return best.relu(), torch.where(best > 0, winner, _KILLED)


def _backward(
    x_HWB: Tensor, g_NRSB: Tensor, position_NRSB: Tensor, kernel: int
) -> tuple[Tensor, Tensor]:
    parts = [torch.where(position_NRSB == float(k), g_NRSB, 0.0) for k in range(4)]
    weight = []
    for i in range(kernel):
        for j in range(kernel):
            products = [
                part * _shifted(x_HWB, dy + i, dx + j, kernel)
                for part, (dy, dx) in zip(parts, _positions(), strict=True)
            ]
            weight.append((products[0] + products[1] + products[2] + products[3]).sum((1, 2, 3)))
    bias = torch.where(position_NRSB < _KILLED, g_NRSB, 0.0).sum((1, 2, 3))
    return torch.stack(weight, 1).view(-1, kernel, kernel), bias
