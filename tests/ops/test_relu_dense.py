"""The compiled ReLU and dense layer against torch's.

Shape suffixes: N network, I O inputs and outputs, B sample.
"""

import pytest
import torch
from torch import Tensor

from moe_search.ops.relu_dense import relu_dense, relu_dense_eager

pytestmark = pytest.mark.usefixtures("compiled")

SIZES = [(1, 1), (5, 32), (32, 10), (7, 3), (16, 17), (32, 32), (33, 4), (4, 33)]


def drawn(inputs: int, outputs: int, samples: int = 48, networks: int = 3) -> list[Tensor]:
    """x, w, b and a gradient, in double precision."""
    random = torch.Generator().manual_seed(inputs)
    shapes = (networks, inputs, samples), (networks, outputs, inputs), (networks, outputs)
    shaped = (*shapes, (networks, outputs, samples))
    return [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shaped]


def results(compiled: bool, tensors: list[Tensor]) -> list[Tensor]:
    """y and the gradients of x, w and b."""
    *learned, g_NOB = (tensor.clone() for tensor in tensors)
    for tensor in learned:
        tensor.requires_grad_()
    operation = relu_dense if compiled else relu_dense_eager
    y_NOB = operation(*learned)
    return [y_NOB.detach(), *torch.autograd.grad(y_NOB, learned, g_NOB)]


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("samples", [16, 48, 512, 30])
def test_values_and_gradients_are_torch_s(inputs: int, outputs: int, samples: int) -> None:
    exact = drawn(inputs, outputs, samples)
    ours = results(True, [tensor.float() for tensor in exact])
    for one, other in zip(ours, results(False, exact), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=2e-5)


def test_bits_do_not_depend_on_other_networks() -> None:
    company = [tensor.float() for tensor in drawn(32, 10, networks=5)]
    alone = [tensor[2:3].clone() for tensor in company]
    for one, all_of_them in zip(results(True, alone), results(True, company), strict=True):
        assert torch.equal(one[0], all_of_them[2])


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_goes_where_it_goes_in_torch(value: float) -> None:
    tensors = [tensor.float() for tensor in drawn(5, 32)]
    tensors[0][0, 3, 7] = value
    for ours, torch_s in zip(results(True, tensors), results(False, tensors), strict=True):
        torch.testing.assert_close(ours, torch_s, rtol=1e-4, atol=2e-5, equal_nan=True)


def test_an_input_that_networks_share_and_memory_in_another_order() -> None:
    x_NIB, w_NOI, b_NO, _ = (tensor.float() for tensor in drawn(5, 8))
    shared_NIB = x_NIB[:1].expand(3, -1, -1)
    turned_NOI = w_NOI.transpose(1, 2).contiguous().transpose(1, 2)
    expected = relu_dense_eager(shared_NIB, w_NOI, b_NO)
    torch.testing.assert_close(relu_dense(shared_NIB, turned_NOI, b_NO), expected)


def test_other_types_keep_their_precision() -> None:
    tensors = drawn(5, 8)
    for ours, eager in zip(results(True, tensors), results(False, tensors), strict=True):
        torch.testing.assert_close(ours, eager, rtol=1e-12, atol=1e-12)
