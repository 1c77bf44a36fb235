"""The compiled maximum of 2x2 and ReLU against torch's.

Shape suffixes: K channel, H W image, B sample.
"""

import pytest
import torch
from torch import Tensor

from moe_search.ops.pool_relu import pool_relu, pool_relu_eager

pytestmark = pytest.mark.usefixtures("compiled")

SHAPES = [(1, 2, 2, 16), (3, 8, 6, 48), (2, 5, 7, 32), (2, 4, 4, 30), (4, 3, 2, 64)]


def drawn(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def results(compiled: bool, x_KHWB: Tensor) -> list[Tensor]:
    """The cells and the gradient of the images, for one that tells cells apart."""
    learned = x_KHWB.clone().requires_grad_()
    y_KRSB = (pool_relu if compiled else pool_relu_eager)(learned, 2)
    g_KRSB = torch.arange(1.0, y_KRSB.numel() + 1).view(y_KRSB.shape)
    return [y_KRSB.detach(), *torch.autograd.grad(y_KRSB, [learned], g_KRSB)]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_torch_s(shape: tuple[int, ...]) -> None:
    x_KHWB = drawn(shape)
    for ours, torch_s in zip(results(True, x_KHWB), results(False, x_KHWB), strict=True):
        assert torch.equal(ours, torch_s)


def test_of_equal_pixels_the_first_gets_the_gradient() -> None:
    x_KHWB = torch.ones(1, 4, 4, 16)
    for ours, torch_s in zip(results(True, x_KHWB), results(False, x_KHWB), strict=True):
        assert torch.equal(ours, torch_s)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_goes_where_it_goes_in_torch(value: float) -> None:
    x_KHWB = drawn((2, 4, 4, 16))
    x_KHWB[0, 1, 0, 3] = value
    x_KHWB[1, :2, :2, 5] = value
    for ours, torch_s in zip(results(True, x_KHWB), results(False, x_KHWB), strict=True):
        torch.testing.assert_close(ours, torch_s, rtol=0, atol=0, equal_nan=True)


def test_memory_in_another_order() -> None:
    x_KHWB = drawn((4, 4, 3, 16)).transpose(1, 2)
    for ours, torch_s in zip(results(True, x_KHWB), results(False, x_KHWB), strict=True):
        assert torch.equal(ours, torch_s)


def test_a_gradient_that_all_cells_share() -> None:
    x_KHWB = drawn((2, 4, 4, 16)).requires_grad_()
    (shared,) = torch.autograd.grad(pool_relu(x_KHWB, 2).sum(), x_KHWB)
    (each,) = torch.autograd.grad(pool_relu_eager(x_KHWB, 2).sum(), x_KHWB)
    assert torch.equal(shared, each)


def test_other_types_take_the_eager_form() -> None:
    x_KHWB = drawn((2, 4, 4, 16)).double()
    for ours, eager in zip(results(True, x_KHWB), results(False, x_KHWB), strict=True):
        assert torch.equal(ours, eager)


def test_other_squares_take_the_eager_form() -> None:
    x_KHWB = drawn((2, 7, 6, 16))
    assert torch.equal(pool_relu(x_KHWB, 3), pool_relu_eager(x_KHWB, 3))
