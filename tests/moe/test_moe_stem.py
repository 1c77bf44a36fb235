"""The fused stem against its eager twin and against one convolution and pool per channel.

Shape suffixes: N channel, H W image, R S rows and columns after pooling, K kernel side, B sample.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_search.moe.stem import conv_pool_relu, conv_pool_relu_eager

Operation = Callable[[Tensor, Tensor, Tensor], Tensor]
Make = Callable[[tuple[int, int], int, int, int], "Case"]


class Case(NamedTuple):
    x_HWB: Tensor
    w_NKK: Tensor
    b_N: Tensor


class Found(NamedTuple):
    z_NRSB: Tensor
    dw_NKK: Tensor
    db_N: Tensor


def drawn(side: tuple[int, int], kernel: int, channels: int, batch: int) -> Case:
    random = torch.Generator().manual_seed(batch + channels)
    return Case(
        torch.randn(*side, batch, generator=random, dtype=torch.float64),
        torch.randn(channels, kernel, kernel, generator=random, dtype=torch.float64),
        torch.randn(channels, generator=random, dtype=torch.float64),
    )


def whole_numbers(side: tuple[int, int], kernel: int, channels: int, batch: int) -> Case:
    """Small whole numbers: most maxima of four are ties, and sums are exact."""
    return Case(*(tensor.round() for tensor in drawn(side, kernel, channels, batch)))


def all_negative(side: tuple[int, int], kernel: int, channels: int, batch: int) -> Case:
    case = drawn(side, kernel, channels, batch)
    return case._replace(b_N=torch.full_like(case.b_N, -1000.0))


def plain(x_HWB: Tensor, w_NKK: Tensor, b_N: Tensor) -> Tensor:
    images = x_HWB.permute(2, 0, 1).unsqueeze(1)
    channels = []
    for w_KK, b in zip(w_NKK, b_N, strict=True):
        y = F.conv2d(images, w_KK[None, None], b[None])
        channels.append(F.relu(F.max_pool2d(y, 2))[:, 0].permute(1, 2, 0))
    return torch.stack(channels)


def run(
    operation: Operation,
    case: Case,
    dtype: torch.dtype = torch.float64,
    whole_gradient: bool = False,
) -> Found:
    """The output and the gradients of its sum, or of its product with fixed random numbers."""
    x_HWB, w_NKK, b_N = (tensor.to(dtype) for tensor in case)
    w_NKK.requires_grad_()
    b_N.requires_grad_()
    z_NRSB = operation(x_HWB, w_NKK, b_N)
    random = torch.Generator().manual_seed(1)
    g_NRSB = torch.randn(z_NRSB.shape, generator=random, dtype=torch.float64).to(dtype)
    if whole_gradient:
        g_NRSB = torch.ones_like(g_NRSB)
    dw_NKK, db_N = torch.autograd.grad(z_NRSB, (w_NKK, b_N), g_NRSB)
    return Found(z_NRSB.detach(), dw_NKK, db_N)


def assert_same(found: Found, expected: Found, tolerance: float) -> None:
    """Equal up to a share of the largest number of each tensor (sums may cancel: at least 10)."""
    for ours, theirs in zip(found, expected, strict=True):
        largest = max(float(theirs.abs().max()), 10.0)
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=tolerance * largest)


each_input = pytest.mark.parametrize("make", [drawn, whole_numbers, all_negative])
each_size = pytest.mark.parametrize(
    ("side", "kernel", "channels"),
    [
        ((28, 28), 3, 6),
        ((17, 18), 3, 4),
        ((19, 16), 3, 1),
        ((16, 17), 5, 3),
        ((21, 20), 5, 1),
        ((18, 19), 4, 2),
    ],
)


@each_input
@each_size
@pytest.mark.parametrize("batch", [1, 7])
def test_the_eager_form_is_a_convolution_and_a_pool(
    make: Make, side: tuple[int, int], kernel: int, channels: int, batch: int
) -> None:
    case = make(side, kernel, channels, batch)
    assert_same(run(conv_pool_relu_eager, case), run(plain, case), 1e-12)


@pytest.mark.usefixtures("compiled")
@each_input
@each_size
@pytest.mark.parametrize("batch", [1, 7, 16, 29, 130])
def test_the_fused_form_gives_the_same_numbers(
    make: Make, side: tuple[int, int], kernel: int, channels: int, batch: int
) -> None:
    case = make(side, kernel, channels, batch)
    assert_same(run(conv_pool_relu, case, torch.float32), run(plain, case), 1e-5)


@pytest.mark.usefixtures("compiled")
@each_input
def test_the_fused_form_gives_the_same_numbers_for_a_large_batch(make: Make) -> None:
    case = make((28, 28), 3, 6, 512)
    assert_same(run(conv_pool_relu, case, torch.float32), run(plain, case), 1e-5)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_channel_has_the_same_bits_in_any_company(kernel: int) -> None:
    case = drawn((17, 18), kernel, 9, 50)
    together = run(conv_pool_relu, case, torch.float32, whole_gradient=True)
    for first, last in [(0, 1), (3, 5), (8, 9)]:
        some = case._replace(w_NKK=case.w_NKK[first:last], b_N=case.b_N[first:last])
        alone = run(conv_pool_relu, some, torch.float32, whole_gradient=True)
        for ours, theirs in zip(alone, together, strict=True):
            assert torch.equal(ours, theirs[first:last])


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("operation", [conv_pool_relu, conv_pool_relu_eager])
def test_what_is_not_a_number_is_passed_on(operation: Operation) -> None:
    case = drawn((16, 16), 3, 2, 32)
    case.b_N[1] = torch.nan
    z_NRSB = run(operation, case, torch.float32).z_NRSB
    assert z_NRSB[0].isfinite().all()
    assert z_NRSB[1].isnan().all()


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_fused_form_is_used_where_it_fits(kernel: int) -> None:
    w_NKK, b_N = torch.zeros(2, kernel, kernel, requires_grad=True), torch.zeros(2)
    fused = conv_pool_relu(torch.zeros(16, 16, 32), w_NKK, b_N)
    assert "ConvPoolRelu" in type(fused.grad_fn).__name__
    doubles = conv_pool_relu(torch.zeros(16, 16, 32).double(), w_NKK.double(), b_N.double())
    assert "ConvPoolRelu" not in type(doubles.grad_fn).__name__


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("operation", [conv_pool_relu, conv_pool_relu_eager])
def test_inputs_may_lie_in_memory_in_any_order(operation: Operation) -> None:
    case = drawn((16, 18), 3, 4, 32)
    turned = Case(*(t.permute(*range(t.ndim)[::-1]).contiguous() for t in case))
    turned = Case(*(t.permute(*range(t.ndim)[::-1]) for t in turned))
    assert_same(run(operation, turned, torch.float32), run(plain, case), 1e-5)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("operation", [conv_pool_relu, conv_pool_relu_eager])
def test_a_cell_that_the_relu_killed_has_no_gradient(operation: Operation) -> None:
    found = run(operation, all_negative((16, 16), 3, 2, 32), torch.float32)
    assert not any(tensor.any() for tensor in found)
