"""Dropout.

Shape suffixes: N network, M expert within its model.
"""

from collections.abc import Sequence
from math import prod
from typing import Self

import torch
from torch import Generator, Tensor

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.spec.kinds.layers import Dropout, Layer

_STEPS = 2**16  # of a probability


class StackedDropout(StackedLayer):
    """In training, sets numbers to 0 with probability p and divides the others by 1 - p.

    Each expert of a model draws from a source of its own, so that what it draws depends on no
    other; models that train in step have the same sources, as they have the same seed. Without
    sources nothing is set to 0. Source: "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting" (Srivastava et al., 2014).

    Args:
        probability: p, which is taken to a 65,536th.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.kept = min(max(round((1 - probability) * _STEPS), 1), _STEPS - 1)
        self._sources: Sequence[Generator] = ()
        self._source_N: list[int] = []

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, Dropout)
        return cls(layer.dropout)

    def draw_from(self, sources: Sequence[Generator], source_N: Sequence[int]) -> None:
        """Take what is random from now on from these.

        Args:
            sources: of each expert of a model, or the one of its gate.
            source_N: which of them each network draws from.
        """
        self._sources, self._source_N = sources, list(source_N)

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        if not (self.training and self._sources):
            return x
        kept_M = torch.stack([self._drawn(x.shape[1:], source) for source in self._sources])
        scale_M = kept_M.to(x.device).to(x.dtype) * (_STEPS / self.kept)
        return x * scale_M[self._source_N[networks]]

    def _drawn(self, shape: Sequence[int], source: Generator) -> Tensor:
        """Which numbers stay; four of one word take a sixth of the time of ``bernoulli_``."""
        words = torch.empty(-(-prod(shape) // 4), dtype=torch.int64)
        words.random_(-(2**63), None, generator=source)
        kept = words.view(torch.int16)[: prod(shape)] < self.kept - _STEPS // 2
        return kept.view(*shape)
