"""Products of stacks of matrices on a CPU.

Shape suffixes: N matrix, I J K rows and columns.

Much of the time of training goes into these. Torch multiplies by Intel's library, which on an AMD
processor with AVX-512 was seen to leave half of a vector unused; NumPy's (OpenBLAS) uses all of it.
Each matrix is a product by itself, so its bits do not depend on how many others there are.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def product(a_NIJ: Tensor, b_NJK: Tensor) -> Tensor:
    """The fast form of ``torch.bmm``: same shapes, same numbers to float tolerance.

    Other types than float32 and other devices than the CPU take torch's, and so does autocast.
    """
    fits = a_NIJ.dtype == b_NJK.dtype == torch.float32 and a_NIJ.device.type == "cpu"
    if not fits or torch.is_autocast_enabled("cpu"):
        return torch.bmm(a_NIJ, b_NJK)
    y_NIK: Tensor = _Product.apply(a_NIJ, b_NJK)
    return y_NIK


def multiply(a_NIJ: Tensor, b_NJK: Tensor) -> Tensor:
    """The same without gradients, of float32 on the CPU."""
    out_NIK = a_NIJ.new_empty(*a_NIJ.shape[:2], b_NJK.shape[2])
    np.matmul(a_NIJ.detach().numpy(), b_NJK.detach().numpy(), out=out_NIK.numpy())
    return out_NIK


def gram(x_IK: Tensor) -> Tensor:
    """x' x, [K, K], without gradients."""
    if x_IK.dtype != torch.float32 or x_IK.device.type != "cpu":
        return x_IK.t() @ x_IK
    x = x_IK.numpy()
    return torch.from_numpy(x.T @ x)  # NumPy sees that it is symmetric and computes one half


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a_NIJ: Tensor, b_NJK: Tensor) -> Tensor:
        ctx.save_for_backward(a_NIJ, b_NJK)
        return multiply(a_NIJ, b_NJK)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_NIK: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a_NIJ, b_NJK = ctx.saved_tensors
        wants_a, wants_b = ctx.needs_input_grad
        da_NIJ = multiply(g_NIK, b_NJK.transpose(1, 2)) if wants_a else None
        db_NJK = multiply(a_NIJ.transpose(1, 2), g_NIK) if wants_b else None
        return da_NIJ, db_NJK
