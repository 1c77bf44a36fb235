"""Compiled batch normalisation against torch's.

Shape suffixes: K channel, L place.
"""

import pytest
import torch
from torch import Tensor

from moe_search.ops.batch_norm import batch_norm, batch_norm_eager

pytestmark = pytest.mark.usefixtures("compiled")

WHOLE = 1024  # places that are whole vectors of any processor
LENGTHS = [16, 32, 80, WHOLE, 4096, 4096 + 64 + 16, 30, 17]


def drawn(channels: int, length: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """x, w, b, the running mean and variance, and a gradient."""
    random = torch.Generator().manual_seed(length)
    shapes = [(channels, length), *[(channels,)] * 4, (channels, length)]
    tensors = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]
    tensors[0] = 3 * tensors[0] + 5
    tensors[4] = tensors[4].abs()
    return [tensor.to(dtype) for tensor in tensors]


def results(compiled: bool, tensors: list[Tensor]) -> list[Tensor]:
    """y, the gradients of x, w and b, and the running mean and variance."""
    x_KL, w_K, b_K, mean_K, var_K, g_KL = (tensor.clone() for tensor in tensors)
    learned = [tensor.requires_grad_() for tensor in (x_KL, w_K, b_K)]
    operation = batch_norm if compiled else batch_norm_eager
    y_KL = operation(x_KL, w_K, b_K, mean_K, var_K)
    gradients = torch.autograd.grad(y_KL, learned, g_KL)
    return [y_KL.detach(), *gradients, mean_K, var_K]


@pytest.mark.parametrize("length", LENGTHS)
def test_values_gradients_and_running_statistics_are_torch_s(length: int) -> None:
    ours = results(True, drawn(3, length))
    exact = results(False, drawn(3, length, torch.float64))
    for one, other in zip(ours, exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=2e-5)


def test_long_channels_far_from_zero_are_not_rounded_away() -> None:
    x_KL = torch.randn(1, 2**20, generator=torch.Generator().manual_seed(0)) + 1000
    tables = [torch.ones(1), torch.zeros(1), torch.zeros(1), torch.ones(1)]
    y_KL = batch_norm(x_KL, *tables)
    assert abs(float(y_KL.double().mean())) < 1e-4
    assert float(y_KL.double().std()) == pytest.approx(1, abs=1e-3)


def test_bits_do_not_depend_on_other_channels() -> None:
    company = drawn(4, WHOLE)
    alone = [tensor[2:3].clone() for tensor in company]
    for one, all_of_them in zip(results(True, alone), results(True, company), strict=True):
        assert torch.equal(one[0], all_of_them[2])


def test_what_is_not_finite_stays_in_its_channel() -> None:
    tensors = drawn(2, WHOLE)
    tensors[0][0, 7] = torch.nan
    found = results(True, tensors)
    assert found[0][0].isnan().all()
    assert all(one[1].isfinite().all() for one in found)


def test_other_types_take_the_eager_form() -> None:
    tensors = drawn(2, WHOLE, torch.float64)
    for ours, eager in zip(results(True, tensors), results(False, tensors), strict=True):
        assert torch.equal(ours, eager)
