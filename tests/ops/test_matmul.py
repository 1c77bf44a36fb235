"""Products of stacks of matrices against torch's.

Shape suffixes: N matrix, I J K rows and columns.
"""

import pytest
import torch
from torch import Tensor

from moe_search.ops.matmul import gram, product


def drawn(*shapes: tuple[int, ...]) -> list[Tensor]:
    """Tensors in double precision."""
    random = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]


def gradients(operation: object, given: list[Tensor], g: Tensor) -> list[Tensor]:
    """What it gives, and the gradients of all that it is given."""
    assert callable(operation)
    learned = [tensor.clone().requires_grad_() for tensor in given]
    y = operation(*learned)
    return [y.detach(), *torch.autograd.grad(y, learned, g)]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (3, 5, 32, 48), (8, 128, 169, 512), (2, 1, 7, 3)])
def test_values_and_gradients_are_torch_s(sizes: tuple[int, int, int, int]) -> None:
    n, i, j, k = sizes
    a_NIJ, b_NJK, g_NIK = drawn((n, i, j), (n, j, k), (n, i, k))
    exact = gradients(torch.bmm, [a_NIJ, b_NJK], g_NIK)
    ours = gradients(product, [a_NIJ.float(), b_NJK.float()], g_NIK.float())
    for one, other in zip(ours, exact, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4)


def test_a_factor_that_all_share_and_memory_in_another_order() -> None:
    a_NIJ, b_1JK = (tensor.float() for tensor in drawn((3, 5, 7), (1, 7, 16)))
    turned_NIJ = a_NIJ.transpose(1, 2).contiguous().transpose(1, 2)
    shared_NJK = b_1JK.expand(3, -1, -1)
    torch.testing.assert_close(product(turned_NIJ, shared_NJK), torch.bmm(a_NIJ, shared_NJK))


@pytest.mark.parametrize("shape", [(784, 512), (64, 33), (1, 1)])
def test_a_gram_matrix_is_torch_s_and_symmetric(shape: tuple[int, int]) -> None:
    (x_IK,) = drawn(shape)
    ours_KK = gram(x_IK.float())
    torch.testing.assert_close(ours_KK.double(), x_IK.t() @ x_IK, rtol=1e-4, atol=1e-3)
    assert torch.equal(ours_KK, ours_KK.t())
    assert torch.equal(gram(x_IK), x_IK.t() @ x_IK)


def test_bits_do_not_depend_on_other_matrices() -> None:
    given = [tensor.float() for tensor in drawn((5, 128, 169), (5, 169, 512))]
    *alone, g_NIK = (tensor[2:3].clone() for tensor in [*given, torch.ones(5, 128, 512)])
    company = gradients(product, given, g_NIK.expand(5, -1, -1))
    for one, all_of_them in zip(gradients(product, alone, g_NIK), company, strict=True):
        assert torch.equal(one[0], all_of_them[2])


def test_other_types_and_autocast_are_torch_s() -> None:
    a_NIJ, b_NJK = drawn((3, 5, 7), (3, 7, 16))
    assert torch.equal(product(a_NIJ, b_NJK), torch.bmm(a_NIJ, b_NJK))
    with torch.autocast("cpu", torch.bfloat16):
        assert product(a_NIJ.float(), b_NJK.float()).dtype == torch.bfloat16
