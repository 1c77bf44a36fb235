"""What every stacked layer has.

Shape suffixes: N network, O outputs of a layer.
"""

from typing import Self

import torch
from torch import Generator, Tensor, nn

from moe_search.spec.kinds.layers import Layer

ALL = slice(None)
"""Every network."""


class StackedLayer(nn.Module):
    """One layer of N networks with weights of their own, run as one.

    Every parameter and buffer has the network as its first axis. Images are [N, C, H, W, B] and
    features [N, F, B], samples innermost; what comes first in a network may be given an input that
    all share, without the N, if its row says so.
    """

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], count: int, fused: bool) -> Self:
        """The layer of a row.

        Args:
            layer: its numbers, or its name.
            shape: of one sample before it, (C, H, W) or (F,).
            count: N.
            fused: take the fast form, if it has one.
        """
        raise NotImplementedError

    def forward(self, x: Tensor, networks: slice = ALL) -> Tensor:
        """What some networks make of x, which is their input alone."""
        raise NotImplementedError

    def initialise(self, network: int, generator: Generator) -> None:
        """Draw one network's weights; a layer without any needs no number."""


class Weighted(StackedLayer):
    """A layer with a weight [N, ...] and perhaps a bias [N, O] in each network."""

    def __init__(self, count: int, weight: tuple[int, ...], fan_in: int, bias: bool) -> None:
        super().__init__()
        self.fan_in = fan_in
        self.weight = nn.Parameter(torch.zeros(count, *weight))
        self.bias = nn.Parameter(torch.zeros(count, weight[0])) if bias else None

    def initialise(self, network: int, generator: Generator) -> None:
        """U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weight, then bias, as torch draws them."""
        bound = self.fan_in**-0.5
        with torch.no_grad():
            for parameter in self.parameters(recurse=False):
                drawn = torch.empty(parameter.shape[1:])
                parameter[network] = drawn.uniform_(-bound, bound, generator=generator)

    def zero(self, network: int) -> None:
        """Set weight and bias of one network to 0."""
        for parameter in self.parameters():
            parameter.data[network] = 0.0

    def weights(self, networks: slice) -> Tensor:
        """The weights [N, ...] of some networks."""
        return _rows(self.weight, networks)

    def biases(self, networks: slice) -> Tensor:
        """The biases [N, O] of some networks of a layer that has them."""
        assert self.bias is not None
        return _rows(self.bias, networks)


def _rows(parameter: Tensor, networks: slice) -> Tensor:
    """Some networks' share; of all of them no slice, whose gradient would be a copy."""
    return parameter if networks == ALL else parameter[networks]
