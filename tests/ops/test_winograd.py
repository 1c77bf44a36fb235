"""Stacked convolutions against one torch convolution for each network.

Shape suffixes: N network, C input channel, O output channel, H W image, K kernel side, B sample.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from moe_search.ops import winograd as convolution
from moe_search.ops.winograd import convolve, convolve_eager

Operation = Callable[[Tensor, Tensor, Tensor | None, int, int], Tensor]
OUTPUTS = 4

pytestmark = pytest.mark.usefixtures("compiled")

each_operation = pytest.mark.parametrize("operation", [convolve, convolve_eager])


class Case(NamedTuple):
    """Weights of N networks and what they see: images of each, or the same for all (no N)."""

    x: Tensor
    w_NOCKK: Tensor
    b_NO: Tensor | None
    padding: int
    stride: int = 1


def drawn(
    *shape: int,
    networks: int = 3,
    kernel: int = 3,
    padding: int = 1,
    bias: bool = True,
    stride: int = 1,
) -> Case:
    """Normal float64 numbers; x of this shape."""
    random = Generator().manual_seed(sum(shape))

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=random, dtype=torch.float64)

    w_NOCKK = normal(networks, OUTPUTS, shape[-4], kernel, kernel)
    x = normal(*shape)
    return Case(x, w_NOCKK, normal(networks, OUTPUTS) if bias else None, padding, stride)


def plain(x: Tensor, w_NOCKK: Tensor, b_NO: Tensor | None, padding: int, stride: int) -> Tensor:
    """Network after network."""
    results = []
    for n, w_OCKK in enumerate(w_NOCKK):
        images = (x if x.ndim == 4 else x[n]).permute(3, 0, 1, 2)
        bias = None if b_NO is None else b_NO[n]
        results.append(F.conv2d(images, w_OCKK, bias, stride, padding).permute(1, 2, 3, 0))
    return torch.stack(results)


def run(operation: Operation, case: Case, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """The results, and the gradients of all that is given but a shared image, in a sum of each
    network's results with the same weights."""
    given = [t.to(dtype).detach() for t in case[:3] if isinstance(t, Tensor)]
    for tensor in given[case.x.ndim == 4 :]:
        tensor.requires_grad_()
    x, w_NOCKK = given[:2]
    b_NO = given[2] if case.b_NO is not None else None
    y_NOHWB = operation(x, w_NOCKK, b_NO, case.padding, case.stride)
    random = Generator().manual_seed(1)
    g = torch.randn(y_NOHWB.shape[1:], generator=random, dtype=torch.float64).to(dtype)
    torch.autograd.backward((y_NOHWB * g).sum())
    gradients = [tensor.grad for tensor in given]
    return [y_NOHWB.detach(), *(g for g in gradients if g is not None)]


def assert_same(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    """Equal up to a share of the largest number of each tensor."""
    for ours, theirs in zip(found, expected, strict=True):
        atol = tolerance * float(theirs.abs().max())
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=atol)


CASES = [
    drawn(3, 5, 8, 8, 16),
    drawn(3, 5, 8, 8, 16, bias=False),
    drawn(3, 1, 4, 4, 1),
    drawn(3, 2, 1, 1, 17),
    drawn(3, 5, 7, 10, 37, padding=0),
    drawn(3, 5, 6, 5, 29, padding=2),
    drawn(1, 20, 16, 16, 40, networks=1),
    drawn(3, 9, 8, 33),
    drawn(3, 9, 8, 33, padding=0, bias=False),
    drawn(3, 2, 9, 8, 20, kernel=4),
    drawn(2, 9, 8, 20, kernel=1, padding=0),
    drawn(3, 5, 9, 8, 33, stride=2),
    drawn(3, 5, 9, 8, 33, kernel=1, padding=0, stride=2),
    drawn(3, 5, 4, 5, 6, kernel=1, padding=0, bias=False),
    drawn(3, 5, 9, 8, 7, kernel=4, padding=2, stride=3),
    drawn(2, 9, 8, 20, kernel=5, padding=0, stride=2),
    drawn(2, 9, 8, 20, stride=2),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str([*case.x.shape]))


@each_case
def test_the_eager_form_is_a_convolution_of_each_network(case: Case) -> None:
    assert_same(run(convolve_eager, case), run(plain, case), 1e-12)


@each_case
def test_the_fast_form_gives_the_same_numbers(case: Case) -> None:
    assert_same(run(convolve, case, torch.float32), run(plain, case), 2e-5)


@each_operation
@each_case
def test_under_autocast_results_are_float32(operation: Operation, case: Case) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = run(operation, case, torch.float32)
    assert {tensor.dtype for tensor in found} == {torch.float32}
    assert_same(found, run(plain, case), 0.02)


def test_under_autocast_spectra_are_not_rounded() -> None:
    case = drawn(3, 5, 8, 8, 16)
    with torch.autocast("cpu", torch.bfloat16):
        found = run(convolve, case, torch.float32)
    assert_same(found, run(plain, case), 1e-5)


@pytest.mark.parametrize("channels", [8, 128])
def test_many_channels_and_samples_round_no_worse(channels: int) -> None:
    case = drawn(1, channels, 8, 8, 256, networks=1)
    assert_same(run(convolve, case, torch.float32), run(plain, case), 2e-5)


def test_a_batch_in_pieces_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    case = drawn(2, 5, 8, 8, 70, networks=2)
    monkeypatch.setattr(convolution, "_LARGEST_SPECTRA", 36 * (5 + OUTPUTS) * 4 * 32)
    assert_same(run(convolve, case, torch.float32), run(plain, case), 2e-5)


@pytest.mark.parametrize("shape", [(6, 5, 8, 8, 50), (3, 9, 8, 50)])
def test_a_network_has_the_same_bits_in_any_company(shape: tuple[int, ...]) -> None:
    x, w_NOCKK, b_NO, padding, _ = drawn(*shape, networks=6)
    assert b_NO is not None
    shared = x.ndim == 4
    together = run(convolve, Case(x, w_NOCKK, b_NO, padding), torch.float32)
    for own in (slice(0, 1), slice(2, 4), slice(1, 6)):
        some = Case(x if shared else x[own], w_NOCKK[own], b_NO[own], padding)
        for ours, theirs in zip(run(convolve, some, torch.float32), together, strict=True):
            assert torch.equal(ours, theirs[own])


@each_operation
def test_what_is_not_a_number_stays_with_its_sample_and_network(operation: Operation) -> None:
    x, w_NOCKK, _, padding, _ = drawn(3, 5, 8, 8, 20)
    x[1, 2, 3, 4, 7] = torch.nan
    y_NOHWB = operation(x.float(), w_NOCKK.float(), None, padding, 1)
    lost = y_NOHWB.isnan()
    assert lost[1, :, 2:5, 3:6, 7].all()
    lost[1, ..., 7] = False
    assert not lost.any()


@each_operation
def test_inputs_may_lie_in_memory_in_any_order(operation: Operation) -> None:
    def turned(tensor: Tensor) -> Tensor:
        backwards = tuple(range(tensor.ndim)[::-1])
        return tensor.permute(backwards).contiguous().permute(backwards)

    case = drawn(3, 5, 8, 7, 20)
    assert case.b_NO is not None
    other = Case(turned(case.x), turned(case.w_NOCKK), turned(case.b_NO), case.padding)
    assert_same(run(operation, other, torch.float32), run(plain, case), 1e-5)


def test_the_fast_form_is_used_where_it_fits() -> None:
    def kind(x: Tensor, w: Tensor) -> str:
        made = convolve(x, w.requires_grad_(), None, 1).grad_fn
        assert made is not None
        return made.name() + str(made.next_functions)  # what is only seen in another shape, too

    x, w = torch.zeros(2, 3, 8, 8, 16), torch.zeros(2, 4, 3, 3, 3)
    assert "Winograd" in kind(x, w)
    assert "Direct" in kind(x[0], w)
    assert "Direct" not in kind(x[0].double(), w.double())
    assert "Winograd" not in kind(x.double(), w.double())
    assert "Winograd" not in kind(x, torch.zeros(2, 4, 3, 5, 5))
