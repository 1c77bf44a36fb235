"""The compiled dense layer against torch's.

Shape suffixes: N network, I O inputs and outputs, B sample.
"""

import pytest
import torch
from torch import Tensor

from moe_search.ops.dense import _MOST, dense, dense_eager, scores, scores_eager

pytestmark = pytest.mark.usefixtures("compiled")

SIZES = [
    (1, 1),
    (5, 32),
    (32, 10),
    (30, 64),
    (64, 32),
    (7, 3),
    (36, 17),
    (33, 50),
    (169, 9),
    (_MOST + 1, 2),
]


def drawn(inputs: int, outputs: int, samples: int = 48, networks: int = 3) -> list[Tensor]:
    """x, w, b and a gradient, in double precision."""
    random = torch.Generator().manual_seed(inputs)
    shapes = (networks, inputs, samples), (networks, outputs, inputs), (networks, outputs)
    shaped = (*shapes, (networks, outputs, samples))
    return [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shaped]


def results(compiled: bool, tensors: list[Tensor], rectified: bool = True) -> list[Tensor]:
    """y and the gradients of x, w and b."""
    *learned, g_NOB = (tensor.clone() for tensor in tensors)
    for tensor in learned:
        tensor.requires_grad_()
    operation = dense if compiled else dense_eager
    y_NOB = operation(learned[0], learned[1], learned[2], rectified)
    return [y_NOB.detach(), *torch.autograd.grad(y_NOB, learned, g_NOB)]


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("samples", [16, 61, 128])
def test_values_and_gradients_are_torch_s(
    inputs: int, outputs: int, samples: int, rectified: bool
) -> None:
    exact = drawn(inputs, outputs, samples)
    ours = results(True, [tensor.float() for tensor in exact], rectified)
    for one, other in zip(ours, results(False, exact, rectified), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rectified", [True, False])
def test_an_input_that_all_networks_share_and_memory_in_another_order(rectified: bool) -> None:
    x_NIB, w_NOI, b_NO, g_NOB = (tensor.float() for tensor in drawn(33, 20))
    turned_NOI = w_NOI.transpose(1, 2).contiguous().transpose(1, 2)
    shared_IB = x_NIB[0].t().contiguous().t()
    found: list[Tensor | None] = []
    expected: list[Tensor | None] = []
    for operation, kept in ((dense, found), (dense_eager, expected)):
        learned = [t.clone().requires_grad_() for t in (shared_IB, turned_NOI, b_NO)]
        y_NOB = operation(learned[0].expand(3, -1, -1), learned[1], learned[2], rectified)
        kept += [y_NOB.detach(), *torch.autograd.grad(y_NOB, learned, g_NOB)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("samples", [48, 61])
def test_bits_do_not_depend_on_other_networks(samples: int) -> None:
    company = [tensor.float() for tensor in drawn(64, 50, samples, networks=5)]
    alone = [tensor[2:3].clone() for tensor in company]
    for one, all_of_them in zip(results(True, alone), results(True, company), strict=True):
        assert torch.equal(one[0], all_of_them[2])


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("samples", [48, 61])
def test_what_is_not_finite_goes_where_it_goes_in_torch(value: float, samples: int) -> None:
    tensors = [tensor.float() for tensor in drawn(35, 10, samples)]
    tensors[0][0, 3, 7] = value
    for ours, torch_s in zip(results(True, tensors), results(False, tensors), strict=True):
        torch.testing.assert_close(ours, torch_s, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_other_types_keep_their_precision_and_autocast_its_own() -> None:
    tensors = drawn(5, 8)
    for ours, eager in zip(results(True, tensors), results(False, tensors), strict=True):
        torch.testing.assert_close(ours, eager, rtol=1e-12, atol=1e-12)
    for inputs, rounded in ((32, False), (33, True)):
        x_NIB, w_NOI, b_NO, _ = (tensor.float() for tensor in drawn(inputs, 8))
        with torch.autocast("cpu", torch.bfloat16):
            low_NOB = dense(x_NIB, w_NOI, b_NO)
        assert low_NOB.dtype == torch.float32
        assert torch.equal(low_NOB, dense(x_NIB, w_NOI, b_NO)) != rounded


def test_gradients_that_are_there_already_are_added_to_as_autograd_adds() -> None:
    x_NIB, w_NOI, b_NO, g_NOB = (tensor.float() for tensor in drawn(33, 10, 61))
    found: list[Tensor | None] = []
    expected: list[Tensor | None] = []
    for operation, kept in ((dense, found), (dense_eager, expected)):
        w, b = w_NOI.clone().requires_grad_(), b_NO.clone().requires_grad_()
        torch.autograd.backward(operation(x_NIB, w, b, True), g_NOB)
        twice = operation(x_NIB, w, b, True) + operation(x_NIB.flip(2), w, b, False)
        torch.autograd.backward(twice, g_NOB)
        kept += [w.grad, b.grad]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_scores_of_a_model_s_experts_have_the_same_bits_beside_larger_models() -> None:
    x_PIB, w_PMI, b_PM, g_PMB = (tensor.float() for tensor in drawn(33, 13, 61))
    results_of = []
    for experts in (5, 13):
        learned = [x_PIB.clone(), w_PMI[:, :experts].clone(), b_PM[:, :experts].clone()]
        for tensor in learned:
            tensor.requires_grad_()
        g = g_PMB[:, :experts].clone()
        g[:, 5:] = 0  # as of places without an expert
        y = scores(learned[0], learned[1], learned[2])
        exact = scores_eager(learned[0].double(), learned[1].double(), learned[2].double())
        torch.testing.assert_close(y.double(), exact, rtol=1e-4, atol=1e-4)
        dx, dw, db = torch.autograd.grad(y, learned, g)
        results_of.append([y[:, :5], dx, dw[:, :5], db[:, :5]])
    for few, many in zip(*results_of, strict=True):
        assert torch.equal(few, many)
