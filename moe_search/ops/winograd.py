"""Convolutions of stacked networks with samples innermost.

Shape suffixes: N network, C input channel, O output channel, H W image, K kernel side, B sample,
L places of a product (tiles, and samples within them), Q the 36 planes of a spectrum.

On a CPU most of a convolutional network's time is multiplication. Winograd's algorithm F(4x4, 3x3)
computes a tile of 4x4 results from 6x6 pixels with 36 multiplications a channel instead of 144:
y = A'[(G w G') * (B' x B)]A, with * element by element, so that for each of the 36 elements all
tiles and samples are one product of matrices. Source: Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (arXiv 1509.09308), section 4. It is the same function; float32
rounds to about 1e-5 of the largest result. Gradients are the transposed maps in reverse order: the
gradient's spectrum serves weights and input alike, with the same saving.

With samples innermost the maps (``winograd.cpp``) are sums of whole vectors. Each network is
computed by itself, so that its bits do not depend on which others there are, and in pieces of the
batch, so that spectra stay small. ``convolve_eager`` is the same operation in plain torch.

Spectra are never rounded to bfloat16: sums of large numbers that cancel make of its rounding ten
times the error of a direct convolution (2.5 % of the result's root mean square against 0.3 %), and
a direct one in bfloat16 takes as long as this in float32.
"""

from ctypes import CDLL, c_long, c_void_p
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from moe_search.ops.compile import few_weights, library
from moe_search.ops.matmul import multiply, product
from moe_search.ops.shared_conv import direct

_TILE = 4  # results a side
_PLANES = 36
# Numbers in both spectra of a piece, 128 MiB. From 2**21 to 2**27 the times differ by less than the
# machine drifts (tests/benchmarks/kernels.py).
_LARGEST_SPECTRA = 2**25
_STAGGER = 16  # numbers between planes, lest all lie in the same lines of the cache

_G_63 = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float32,
)
_WEIGHTS_Q9 = torch.kron(_G_63, _G_63)  # G w G' of a kernel written as one column


def convolve_eager(
    x: Tensor, w_NOCKK: Tensor, b_NO: Tensor | None, padding: int, stride: int = 1
) -> Tensor:
    """Convolutions of x, [C, H, W, B] for all or [N, C, H, W, B], -> [N, O, H', W', B].

    H' = (H + 2 padding - K) // stride + 1, and W' likewise.
    """
    networks, outputs = w_NOCKK.shape[:2]
    images = x if x.ndim == 4 else x.flatten(0, 1)
    y_BKHW = F.conv2d(
        images.permute(3, 0, 1, 2).contiguous(memory_format=torch.channels_last),
        w_NOCKK.flatten(0, 1),
        None if b_NO is None else b_NO.flatten(),
        stride=stride,
        padding=padding,
        groups=1 if x.ndim == 4 else networks,
    )
    y_KHWB = y_BKHW.permute(1, 2, 3, 0).to(x.dtype)
    return y_KHWB.reshape(networks, outputs, *y_KHWB.shape[1:])


def convolve(
    x: Tensor, w_NOCKK: Tensor, b_NO: Tensor | None, padding: int, stride: int = 1
) -> Tensor:
    """The fast form of ``convolve_eager``: same shapes, same numbers to float tolerance.

    An input of few channels that all networks share has an operation of its own
    (``shared_conv.direct``) and gets no gradient. Many channels that are shared, other kernels than
    3x3 and 1x1 where each network has its own input, other types than float32 and other devices
    than the CPU take the eager form.

    With a stride, all results are computed and some are kept: at stride 2 that is about as many
    multiplications as a direct convolution of stride 2 has.

    Raises:
        OSError: it cannot be compiled (see ``compile.library``).
    """
    fits = x.dtype == w_NOCKK.dtype == torch.float32 and x.device.type == "cpu"
    kernel = w_NOCKK.shape[-1]
    if fits and x.ndim == 4 and few_weights(w_NOCKK):
        b_O = None if b_NO is None else b_NO.flatten()
        y_OHWB = _every(direct(x, w_NOCKK.flatten(0, 1), b_O, padding), stride)
        return y_OHWB.view(*w_NOCKK.shape[:2], *y_OHWB.shape[1:])
    if fits and x.ndim == 5 and kernel == 1 and not padding:
        return _pointwise(_every(x, stride), w_NOCKK, b_NO)
    if not fits or x.ndim == 4 or kernel != 3:
        return convolve_eager(x, w_NOCKK, b_NO, padding, stride)
    operands = (x.contiguous(), w_NOCKK.contiguous(), None if b_NO is None else b_NO.contiguous())
    y_NOHWB: Tensor = _Winograd.apply(*operands, padding)
    return _every(y_NOHWB, stride)


def _every(images: Tensor, stride: int) -> Tensor:
    """Of so many rows and columns one, the first of each: [..., H, W, B]."""
    return images if stride == 1 else images[..., ::stride, ::stride, :].contiguous()


def _pointwise(x_NCHWB: Tensor, w_NOC11: Tensor, b_NO: Tensor | None) -> Tensor:
    """The convolution by 1x1, which is a product of matrices."""
    y_NOL = product(w_NOC11.flatten(2), x_NCHWB.flatten(2)).to(x_NCHWB.dtype)
    y_NOL = y_NOL if b_NO is None else y_NOL + b_NO.unsqueeze(2)
    return y_NOL.view(*w_NOC11.shape[:2], *x_NCHWB.shape[2:])


class _Winograd(torch.autograd.Function):
    """Gradients for input, weights and bias; all in float32, under autocast too."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(
        ctx: Any,
        x_NCHWB: Tensor,
        w_NOC33: Tensor,
        b_NO: Tensor | None,
        padding: int,
    ) -> Tensor:
        ctx.save_for_backward(x_NCHWB, w_NOC33)
        ctx.padding = padding
        maps = _Maps(x_NCHWB[0], w_NOC33.shape[1], padding)
        y_NOHWB = x_NCHWB.new_empty(len(w_NOC33), *maps.results)
        for n, (x_CHWB, w_OC33) in enumerate(zip(x_NCHWB, w_NOC33, strict=True)):
            u_QOC = _spectrum_of(w_OC33)
            for piece in maps.pieces:
                m_QOL = multiply(u_QOC, maps.split(x_CHWB, piece))
                maps.join(m_QOL, y_NOHWB[n], None if b_NO is None else b_NO[n], piece)
        return y_NOHWB

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(  # type: ignore[override]
        ctx: Any, g_NOHWB: Tensor
    ) -> tuple[Tensor | None, ...]:
        x_NCHWB, w_NOC33 = ctx.saved_tensors
        wants_x, _, wants_b, _ = ctx.needs_input_grad
        g_NOHWB = g_NOHWB.contiguous()
        maps = _Maps(x_NCHWB[0], w_NOC33.shape[1], ctx.padding)
        dx_NCHWB = torch.zeros_like(x_NCHWB) if wants_x else None
        dw_NOC33 = torch.empty_like(w_NOC33)
        for n, w_OC33 in enumerate(w_NOC33):
            u_QOC = _spectrum_of(w_OC33)
            du_QOC = torch.zeros_like(u_QOC)
            for piece in maps.pieces:
                v_QCL = maps.split(x_NCHWB[n], piece)
                dm_QOL = maps.join_back(g_NOHWB[n], piece)
                du_QOC += multiply(dm_QOL, v_QCL.transpose(1, 2))
                if dx_NCHWB is not None:
                    dv_QCL = multiply(u_QOC.transpose(1, 2), dm_QOL)
                    maps.split_back(dv_QCL, dx_NCHWB[n], piece)
            dw_NOC33[n] = (_WEIGHTS_Q9.t() @ du_QOC.flatten(1)).t().view(w_OC33.shape)
        return dx_NCHWB, dw_NOC33, g_NOHWB.sum((2, 3, 4)) if wants_b else None, None


def _spectrum_of(w_OC33: Tensor) -> Tensor:
    """G w G' of every kernel, [Q, O, C]."""
    return (_WEIGHTS_Q9 @ w_OC33.flatten(2).flatten(0, 1).t()).view(_PLANES, *w_OC33.shape[:2])


class _Maps:
    """The compiled maps between images [channels, H, W, B] and spectra [Q, channels, L].

    Args:
        x_CHWB: an image like those to be mapped.
        outputs: O.
        padding: zeros around the image.
    """

    def __init__(self, x_CHWB: Tensor, outputs: int, padding: int) -> None:
        channels, height, width, samples = x_CHWB.shape
        self.results = (outputs, height + 2 * padding - 2, width + 2 * padding - 2, samples)
        self._compiled: CDLL = library("winograd.cpp")
        self._channels, self._padding = channels, padding
        self._down, self._across = (-(-side // _TILE) for side in self.results[1:3])
        per_sample = _PLANES * (channels + outputs) * self._down * self._across
        size = max(_STAGGER, _LARGEST_SPECTRA // per_sample // _STAGGER * _STAGGER)
        self.pieces = [range(samples)[first : first + size] for first in range(0, samples, size)]

    def split(self, x_CHWB: Tensor, piece: range) -> Tensor:
        """B' x B of every tile's pixels, [Q, C, L]."""
        v_QCL = self._spectrum(self._channels, piece)
        self._call(self._compiled.split, x_CHWB, v_QCL, None, piece, self._padding)
        return v_QCL

    def split_back(self, v_QCL: Tensor, x_CHWB: Tensor, piece: range) -> None:
        """Adds the transpose of ``split`` to an image."""
        self._call(self._compiled.split_back, x_CHWB, v_QCL, None, piece, self._padding)

    def results_spectrum(self, piece: range) -> Tensor:
        """Memory for the products of a piece, [Q, O, L]."""
        return self._spectrum(self.results[0], piece)

    def join(self, m_QOL: Tensor, y_OHWB: Tensor, b_O: Tensor | None, piece: range) -> None:
        """Sets the results to A' m A and the bias."""
        self._call(self._compiled.join, y_OHWB, m_QOL, b_O, piece, 0)

    def join_back(self, g_OHWB: Tensor, piece: range) -> Tensor:
        """The transpose of ``join`` of the results' gradient, [Q, O, L]."""
        m_QOL = self.results_spectrum(piece)
        self._call(self._compiled.join_back, g_OHWB, m_QOL, None, piece, 0)
        return m_QOL

    def _spectrum(self, channels: int, piece: range) -> Tensor:
        places = self._down * self._across * len(piece)
        plane = channels * places + _STAGGER
        memory = torch.empty(_PLANES * plane)
        return memory.as_strided((_PLANES, channels, places), (plane, places, 1))

    def _call(
        self,
        function: Any,
        image: Tensor,
        spectrum: Tensor,
        b_O: Tensor | None,
        piece: range,
        padding: int,
    ) -> None:
        pointers = (c_void_p(None if t is None else t.data_ptr()) for t in (image, spectrum, b_O))
        tiles = self._down, self._across
        sizes = (*image.shape, piece.start, len(piece), spectrum.stride(0), *tiles, padding)
        function(*pointers, (c_long * len(sizes))(*sizes))
