"""What the convolutions of few input channels share that read images by ``slab.h``.

Shape suffixes: I input channel, H W image, B sample.
"""

from ctypes import CDLL

from torch import Tensor

from moe_search.moe.native import constant

_MOST_WEIGHTS = 49  # of a channel; the sums of their gradients should stay near the registers


def few_weights(w: Tensor) -> bool:
    """Whether kernels [..., I, side, side] are of a size that they serve."""
    return w.shape[-3:].numel() <= _MOST_WEIGHTS


def slab(compiled: CDLL, x_IHWB: Tensor) -> Tensor:
    """Working space for the pixels that a row of results needs."""
    rows, samples = constant(compiled, "slab_rows"), constant(compiled, "slab_samples")
    return x_IHWB.new_empty(rows, x_IHWB.shape[2], samples)
