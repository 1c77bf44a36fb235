"""Residual connections."""

from collections.abc import Iterable
from typing import Self

from torch import Generator, Tensor, nn

from moe_search.moe.layers.base import ALL, StackedLayer
from moe_search.moe.stack import stages_of
from moe_search.spec.kinds.layers import Layer, Residual


class StackedResidual(StackedLayer):
    """The sum of two branches of layers, of which one may be empty: its input.

    Source: "Deep Residual Learning for Image Recognition" (He et al., arXiv 1512.03385).
    """

    def __init__(self, body: Iterable[StackedLayer], shortcut: Iterable[StackedLayer]) -> None:
        super().__init__()
        self.body = nn.ModuleList(body)
        self.shortcut = nn.ModuleList(shortcut)

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        assert isinstance(layer, Residual)
        return cls(*(stages_of(branch, shape, count, fused)[0] for branch in layer.branches()))

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        return _through(self.body, x, networks) + _through(self.shortcut, x, networks)

    def initialise(self, network: int, generator: Generator) -> None:
        """Draw the layers of one network, then those of its shortcut."""
        for stage in (*self.body, *self.shortcut):
            assert isinstance(stage, StackedLayer)
            stage.initialise(network, generator)


def _through(stages: nn.ModuleList, x: Tensor, networks: slice) -> Tensor:
    for stage in stages:
        x = stage(x, networks)
    return x
