"""Where compiled operations begin to be faster: the limits of moe_search/ops, each side timed.

One thread; each number is the least of several runs, forward and backward, in milliseconds of the
processor.
"""

import time
from collections.abc import Callable, Iterable
from unittest.mock import patch

import torch
from torch import Tensor

from moe_search.ops import dense as wide
from moe_search.ops import winograd
from moe_search.ops.dense import dense
from moe_search.ops.matmul import product
from moe_search.ops.stem import stem, stem_eager

NETWORKS, BATCH, RUNS = 40, 512, 15


def milliseconds(operation: Callable[..., Tensor], *given: Tensor | None) -> float:
    """The least time of the processor for a call with its gradients."""
    least = float("inf")
    for _ in range(RUNS):
        started = time.process_time()
        y = operation(*given)
        torch.autograd.backward(y, torch.ones_like(y))
        least = min(least, time.process_time() - started)
    return 1e3 * least


def drawn(*shape: int) -> Tensor:
    """Weights, or what a layer before gave."""
    return torch.randn(*shape).requires_grad_()


def table(title: str, rows: Iterable[tuple[object, float, float]]) -> None:
    """Print what each size takes in both forms."""
    print(f"{title:<60}{'compiled':>10}{'products':>10}")
    for size, compiled, products in rows:
        print(f"{size!s:<60}{compiled:>10.2f}{products:>10.2f}", flush=True)


def dense_layer() -> Iterable[tuple[object, float, float]]:
    """Inputs and outputs of a ReLU with a dense layer."""
    for networks, inputs, outputs in (
        *(
            (NETWORKS, 5, 32),
            (NETWORKS, 32, 10),
            (NETWORKS, 30, 64),
            (NETWORKS, 64, 32),
            (NETWORKS, 384, 64),
            (8, 169, 128),
        ),
        *((8, 512, 512), (4, 1024, 512), (4, 2048, 1024)),
    ):
        x, w, b = (
            drawn(networks, inputs, BATCH),
            drawn(networks, outputs, inputs),
            drawn(networks, outputs),
        )
        with patch.object(wide, "_MOST", max(inputs, outputs)):
            compiled = milliseconds(lambda x, w, b: dense(x, w, b, True), x, w, b)

        def products(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
            return product(w, x.relu()).add_(b.unsqueeze(2))

        yield f"{inputs} -> {outputs}", compiled, milliseconds(products, x, w, b)


def dense_after_stem() -> Iterable[tuple[object, float, float]]:
    """Outputs of a dense layer after the stem, as a part of it or as a product after it."""
    x, w, b = torch.randn(1, 28, 28, BATCH), drawn(NETWORKS, 1, 3, 3), drawn(NETWORKS)
    for outputs in (4, 8, 12, 16):
        w_GOF, b_GO = drawn(NETWORKS, outputs, 169), drawn(NETWORKS, outputs)
        compiled = milliseconds(stem, x, w, b, w_GOF, b_GO)

        def after(x: Tensor, w: Tensor, b: Tensor, w_GOF: Tensor, b_GO: Tensor) -> Tensor:
            return dense(stem(x, w, b, None, None).view(NETWORKS, -1, BATCH), w_GOF, b_GO)

        yield outputs, compiled, milliseconds(after, x, w, b, w_GOF, b_GO)


def stem_of_side() -> Iterable[tuple[object, float, float]]:
    """Pixels a side of an image that goes through the stem, compiled or plain."""
    for side in (8, 12, 16, 20, 28):
        given = torch.randn(1, side, side, BATCH), drawn(NETWORKS, 1, 3, 3), drawn(NETWORKS)
        compiled = milliseconds(stem, *given, None, None)
        yield side, compiled, milliseconds(stem_eager, *given, None, None)


def spectra() -> Iterable[tuple[object, float, float]]:
    """Numbers in both spectra of a piece of a batch; the second time is that of 2**25."""
    x, w, b = drawn(4, 32, 16, 16, 256), drawn(4, 64, 32, 3, 3), drawn(4, 64)
    usual = milliseconds(lambda x, w, b: winograd.convolve(x, w, b, 1), x, w, b)
    for power in (21, 23, 25, 27):
        with patch.object(winograd, "_LARGEST_SPECTRA", 2**power):
            found = milliseconds(lambda x, w, b: winograd.convolve(x, w, b, 1), x, w, b)
        yield f"2**{power}", found, usual


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table("ReLU and dense layer (limit 512)", dense_layer())
    table("dense layer after the stem, outputs (limit 8)", dense_after_stem())
    table("stem, pixels a side", stem_of_side())
    table("numbers in both spectra of a convolution (2**25)", spectra())
