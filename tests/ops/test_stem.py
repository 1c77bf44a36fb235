"""The fused stem against its eager twin and against one convolution, pool and layer per network.

Shape suffixes: N channel, G network, O dense output, F cells of a network, I input channel,
H W image, K kernel side, B sample.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from moe_search.ops.stem import stem, stem_eager

Operation = Callable[[Tensor, Tensor, Tensor, Tensor | None, Tensor | None], Tensor]
Make = Callable[[tuple[int, ...], int, int, int, int], "Case"]


class Case(NamedTuple):
    """An image and weights; ``dense`` is empty where no dense layer follows."""

    x_IHWB: Tensor
    w_NIKK: Tensor
    b_N: Tensor
    dense: tuple[Tensor, ...]

    def to(self, dtype: torch.dtype) -> "Case":
        x_IHWB, w_NIKK, b_N = (tensor.to(dtype) for tensor in self[:3])
        return Case(x_IHWB, w_NIKK, b_N, tuple(tensor.to(dtype) for tensor in self.dense))


def drawn(side: tuple[int, ...], kernel: int, channels: int, batch: int, outputs: int) -> Case:
    """Random numbers; networks of a dense layer have one channel each, or two if that divides.

    Sides are (H, W) of a grey image or (I, H, W).
    """
    random = torch.Generator().manual_seed(batch + channels)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    networks = channels if channels % 2 else channels // 2
    rows, columns = ((length - kernel + 1) // 2 for length in side[-2:])
    features = channels // networks * rows * columns
    inputs = side[0] if len(side) == 3 else 1
    x_IHWB, b_N = numbers(inputs, *side[-2:], batch), numbers(channels)
    w_NIKK = numbers(channels, inputs, kernel, kernel)
    if not outputs:
        return Case(x_IHWB, w_NIKK, b_N, ())
    dense = numbers(networks, outputs, features), numbers(networks, outputs)
    return Case(x_IHWB, w_NIKK, b_N, dense)


def whole_numbers(
    side: tuple[int, ...], kernel: int, channels: int, batch: int, outputs: int
) -> Case:
    """Small whole numbers: most maxima of four are ties, and sums are exact."""
    x_IHWB, w_NIKK, b_N, dense = drawn(side, kernel, channels, batch, outputs)
    return Case(x_IHWB.round(), w_NIKK.round(), b_N.round(), tuple(t.round() for t in dense))


def all_negative(
    side: tuple[int, ...], kernel: int, channels: int, batch: int, outputs: int
) -> Case:
    case = drawn(side, kernel, channels, batch, outputs)
    return case._replace(b_N=torch.full_like(case.b_N, -1000.0))


def plain(
    x_IHWB: Tensor, w_NIKK: Tensor, b_N: Tensor, w_GOF: Tensor | None, b_GO: Tensor | None
) -> Tensor:
    images = x_IHWB.permute(3, 0, 1, 2)
    channels = []
    for w_IKK, b in zip(w_NIKK, b_N, strict=True):
        y = F.conv2d(images, w_IKK[None], b[None])
        channels.append(F.relu(F.max_pool2d(y, 2))[:, 0].permute(1, 2, 0))
    if w_GOF is None or b_GO is None:
        return torch.stack(channels)
    each = len(channels) // len(w_GOF)
    networks = []
    for n, (w_OF, b_O) in enumerate(zip(w_GOF, b_GO, strict=True)):
        cells_FB = torch.cat([c.flatten(0, 1) for c in channels[n * each : (n + 1) * each]])
        networks.append(F.linear(cells_FB.t(), w_OF, b_O).t())
    return torch.stack(networks)


def run(
    operation: Operation,
    case: Case,
    dtype: torch.dtype = torch.float64,
    whole_gradient: bool = False,
) -> list[Tensor]:
    """The output and the gradients of its sum, or of its product with fixed random numbers."""
    x_IHWB, w_NIKK, b_N, dense = case.to(dtype)
    weights = [tensor.requires_grad_() for tensor in (w_NIKK, b_N, *dense)]
    out = operation(x_IHWB, w_NIKK, b_N, *(dense or (None, None)))
    random = torch.Generator().manual_seed(1)
    g = torch.randn(out.shape, generator=random, dtype=torch.float64).to(dtype)
    if whole_gradient:
        g = torch.ones_like(g)
    return [out.detach(), *torch.autograd.grad(out, weights, g)]


def assert_same(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
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
        ((24, 23), 8, 2),
        ((3, 17, 18), 3, 4),
        ((2, 16, 19), 4, 3),
    ],
)
each_end = pytest.mark.parametrize("outputs", [0, 1, 5, 8])


@each_input
@each_size
@each_end
@pytest.mark.parametrize("batch", [1, 7])
def test_the_eager_form_is_a_convolution_and_a_pool(
    make: Make, side: tuple[int, ...], kernel: int, channels: int, batch: int, outputs: int
) -> None:
    case = make(side, kernel, channels, batch, outputs)
    assert_same(run(stem_eager, case), run(plain, case), 1e-12)


@pytest.mark.usefixtures("compiled")
@each_input
@each_size
@each_end
@pytest.mark.parametrize("batch", [1, 7, 16, 29, 130])
def test_the_fused_form_gives_the_same_numbers(
    make: Make, side: tuple[int, ...], kernel: int, channels: int, batch: int, outputs: int
) -> None:
    case = make(side, kernel, channels, batch, outputs)
    assert_same(run(stem, case, torch.float32), run(plain, case), 1e-5)


@pytest.mark.usefixtures("compiled")
@each_input
@each_end
def test_the_fused_form_gives_the_same_numbers_for_a_large_batch(make: Make, outputs: int) -> None:
    case = make((28, 28), 3, 6, 512, outputs)
    assert_same(run(stem, case, torch.float32), run(plain, case), 1e-5)


@pytest.mark.usefixtures("compiled")
@each_end
def test_it_gives_the_same_numbers_where_no_gradient_is_wanted(outputs: int) -> None:
    x_IHWB, w_NIKK, b_N, dense = drawn((17, 18), 3, 4, 50, outputs).to(torch.float32)
    arguments = (x_IHWB, w_NIKK.requires_grad_(), b_N, *(dense or (None, None)))
    recorded = stem(*arguments)
    with torch.no_grad():
        assert torch.equal(stem(*arguments), recorded)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("kernel", [3, 5])
@each_end
def test_a_network_has_the_same_bits_in_any_company(kernel: int, outputs: int) -> None:
    case = drawn((17, 18), kernel, 9, 50, outputs)
    together = run(stem, case, torch.float32, whole_gradient=True)
    for first, last in [(0, 1), (3, 5), (8, 9)]:
        own = slice(first, last)
        some = Case(case.x_IHWB, case.w_NIKK[own], case.b_N[own], tuple(t[own] for t in case.dense))
        alone = run(stem, some, torch.float32, whole_gradient=True)
        for ours, theirs in zip(alone, together, strict=True):
            assert torch.equal(ours, theirs[own])


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("operation", [stem, stem_eager])
@each_end
def test_what_is_not_a_number_is_passed_on(operation: Operation, outputs: int) -> None:
    case = drawn((16, 16), 3, 3, 32, outputs)
    case.b_N[1] = torch.nan
    out, *_ = run(operation, case, torch.float32)
    assert out[0].isfinite().all()
    assert out[1].isnan().all()


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_fused_form_is_used_where_it_fits(kernel: int) -> None:
    w_NIKK, b_N = torch.zeros(2, 1, kernel, kernel, requires_grad=True), torch.zeros(2)
    fused = stem(torch.zeros(1, 16, 16, 32), w_NIKK, b_N, None, None)
    assert "Stem" in type(fused.grad_fn).__name__
    doubles = stem(torch.zeros(1, 16, 16, 32).double(), w_NIKK.double(), b_N.double(), None, None)
    assert "Stem" not in type(doubles.grad_fn).__name__


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("operation", [stem, stem_eager])
@each_end
def test_inputs_may_lie_in_memory_in_any_order(operation: Operation, outputs: int) -> None:
    def turned(tensor: Tensor) -> Tensor:
        backwards = tuple(range(tensor.ndim)[::-1])
        return tensor.permute(backwards).contiguous().permute(backwards)

    case = drawn((16, 18), 3, 4, 32, outputs)
    x_IHWB, w_NIKK, b_N = (turned(tensor) for tensor in case[:3])
    other = Case(x_IHWB, w_NIKK, b_N, tuple(turned(tensor) for tensor in case.dense))
    assert_same(run(operation, other, torch.float32), run(plain, case), 1e-5)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("operation", [stem, stem_eager])
def test_a_cell_that_the_relu_killed_has_no_gradient(operation: Operation) -> None:
    found = run(operation, all_negative((16, 16), 3, 2, 32, 0), torch.float32)
    assert not any(tensor.any() for tensor in found)
    _, dw_NIKK, db_N, dw_GOF, _ = run(operation, all_negative((16, 16), 3, 2, 32, 5), torch.float32)
    assert not any(tensor.any() for tensor in (dw_NIKK, db_N, dw_GOF))
