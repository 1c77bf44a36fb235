"""The first layers of small image networks as one operation: convolution, maximum of 2x2, ReLU and
perhaps a narrow dense layer.

Shape suffixes: N channels (of all networks side by side), G network, O dense outputs, F cells of a
network, I input channels, H W image, R S rows and columns after pooling, W words of a row, K kernel
side, B sample (innermost, so that every line of memory is a run of samples).

On a CPU these layers are bound by memory, not arithmetic: the convolution's output is written,
read by the pooling and read again backward, and a dense layer of few outputs reads far more than
it computes. The fused operation (``stem.cpp``) computes each pooled cell from its image patch
alone, adds it to the dense outputs while it is in a register, and remembers only its value and
which of the four positions won. ``stem_eager`` is the same operation in plain torch, for devices
and machines without a compiler and as the reference of the tests.
"""

from ctypes import CDLL
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import call, constant, few_weights, library, slab

NARROW = 8
"""Dense outputs up to which the layer after the stem is a part of it.

At 8 that takes half the time of a product of matrices, at 16 as long (tests/benchmarks/kernels.py).
"""


def stem_eager(
    x_IHWB: Tensor, w_NIKK: Tensor, b_N: Tensor, w_GOF: Tensor | None, b_GO: Tensor | None
) -> Tensor:
    """relu(maxpool2(conv(x))) -> [N, R, S, B], or the dense layer of it -> [G, O, B].

    Valid padding; odd last rows and columns are dropped. The N channels are those of network after
    network; without a dense layer its weight and bias are None.
    """
    y_BNHW = F.conv2d(x_IHWB.permute(3, 0, 1, 2), w_NIKK, b_N)
    z_NRSB = F.max_pool2d(F.relu(y_BNHW), 2).permute(1, 2, 3, 0).contiguous()
    if w_GOF is None or b_GO is None:
        return z_NRSB
    return torch.baddbmm(b_GO.unsqueeze(2), w_GOF, z_NRSB.view(len(w_GOF), -1, x_IHWB.shape[-1]))


def stem(
    x_IHWB: Tensor, w_NIKK: Tensor, b_N: Tensor, w_GOF: Tensor | None, b_GO: Tensor | None
) -> Tensor:
    """The fused form of ``stem_eager``: same shapes, same numbers to float tolerance.

    Kernels of many weights, other types than float32 and other devices than the CPU take the
    eager form.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    inputs, kernel, samples = *w_NIKK.shape[1:3], x_IHWB.shape[-1]
    fits = x_IHWB.dtype == w_NIKK.dtype == torch.float32 and x_IHWB.device.type == "cpu"
    if not (fits and few_weights(w_NIKK)):
        return stem_eager(x_IHWB, w_NIKK, b_N, w_GOF, b_GO)
    outputs = 0 if w_GOF is None else w_GOF.shape[1]
    compiled = library("stem.cpp", INPUTS=inputs, KERNEL=kernel, OUTPUTS=outputs)
    missing = -samples % constant(compiled, "lanes")
    padded_IHWB = F.pad(x_IHWB, (0, missing)) if missing else x_IHWB
    weights = [None if t is None else t.contiguous() for t in (w_NIKK, b_N, w_GOF, b_GO)]
    recorded = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in weights)
    out: Tensor = _Stem.apply(padded_IHWB.contiguous(), *weights, compiled, recorded)
    return out[..., :samples].contiguous() if missing else out


class _Stem(torch.autograd.Function):
    """Gradients for weights and biases; the image itself needs none."""

    @staticmethod
    def forward(
        ctx: Any,
        x_IHWB: Tensor,
        w_NIKK: Tensor,
        b_N: Tensor,
        w_GOF: Tensor | None,
        b_GO: Tensor | None,
        compiled: CDLL,
        recorded: bool,
    ) -> Tensor:
        channels, _, kernel, _ = w_NIKK.shape
        _, height, width, samples = x_IHWB.shape
        cells = (channels, (height - kernel + 1) // 2, (width - kernel + 1) // 2, samples)
        z_NRSB = x_IHWB.new_empty(cells) if recorded or w_GOF is None else None
        winners_NRWB = _winners(compiled, cells) if recorded else None
        h_GOB = None if b_GO is None else b_GO.unsqueeze(2).expand(-1, -1, samples).contiguous()
        space = slab(compiled, x_IHWB)
        tensors = (x_IHWB, w_NIKK, b_N, w_GOF, space, z_NRSB, winners_NRWB, h_GOB)
        _call(compiled.forward, tensors, x_IHWB, w_NIKK, w_GOF)
        ctx.save_for_backward(x_IHWB, w_NIKK, w_GOF, z_NRSB, winners_NRWB)
        ctx.compiled = compiled
        out = z_NRSB if h_GOB is None else h_GOB
        assert out is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x_IHWB, w_NIKK, w_GOF, z_NRSB, winners_NRWB = ctx.saved_tensors
        g = g.contiguous()
        channels, inputs, kernel, _ = w_NIKK.shape
        lanes = constant(ctx.compiled, "lanes")
        sums = x_IHWB.new_zeros(channels, inputs * kernel**2 + 1, lanes)
        dw_NIKK, db_N = torch.empty_like(w_NIKK), x_IHWB.new_empty(channels)
        dw_GOF = dense_sums = None
        if w_GOF is not None:
            dw_GOF = torch.empty_like(w_GOF)
            dense_sums = x_IHWB.new_zeros(channels, z_NRSB.shape[2], w_GOF.shape[1], lanes)
        space = slab(ctx.compiled, x_IHWB)
        tensors = (x_IHWB, w_GOF, z_NRSB, winners_NRWB, g, space, sums, dense_sums)
        _call(ctx.compiled.backward, (*tensors, dw_NIKK, db_N, dw_GOF), x_IHWB, w_NIKK, w_GOF)
        db_GO = None if w_GOF is None else g.sum(2)
        return None, dw_NIKK, db_N, dw_GOF, db_GO, None, None


def _winners(compiled: CDLL, cells: tuple[int, int, int, int]) -> Tensor:
    """Where the winners of cells [N, R, S, B] go, several to a word."""
    channels, rows, columns, samples = cells
    words = -(-columns // constant(compiled, "packed"))
    return torch.empty(channels, rows, words, samples, dtype=torch.int32)


def _call(
    function: Any,
    tensors: tuple[Tensor | None, ...],
    x_IHWB: Tensor,
    w_NIKK: Tensor,
    w_GOF: Tensor | None,
) -> None:
    channels = len(w_NIKK)
    share = 1 if w_GOF is None else channels // len(w_GOF)
    call(function, tensors, *x_IHWB.shape[1:], channels, share)
