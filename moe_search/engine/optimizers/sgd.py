"""Stochastic gradient descent.

Shape suffixes: F place in the flat memory of all parameters.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from moe_search.engine.optimizers.base import PopulationOptimizer
from moe_search.ops.optimizers.one_pass import Numbers, Places, sgd

_VELOCITY = "momentum_buffer"  # torch's name


class SGD(PopulationOptimizer):
    """Gradient descent with momentum (not Nesterov's), weight decay as L2.

    As in torch, v <- m v + g and w <- w - lr v, with the momentum m of each model.
    """

    compiles = True

    def make(self, change_F: Tensor) -> torch.optim.Optimizer:
        momentum_F = torch.empty_like(change_F)
        self.spread([own.momentum for own in self.training], momentum_F)
        return _HeavyBall(change_F, momentum_F)

    def one_pass(self, places: Places, numbers: Numbers) -> None:
        if not self.kept:
            self.kept[_VELOCITY] = torch.zeros_like(places.weight_F)
        momentum_P = torch.tensor([own.momentum for own in self.training], dtype=torch.float32)
        sgd(places, numbers, self.kept[_VELOCITY], momentum_P)


class _HeavyBall(torch.optim.Optimizer):
    """Torch's SGD of rate 1, with a momentum for each place."""

    def __init__(self, change_F: Tensor, momentum_F: Tensor) -> None:
        super().__init__([change_F], {})
        self._change_F, self._momentum_F = change_F, momentum_F

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        kept = self.state[self._change_F]
        if not kept:
            kept[_VELOCITY] = torch.zeros_like(self._change_F)
        velocity_F = kept[_VELOCITY].mul_(self._momentum_F).add_(self._change_F.grad)
        self._change_F.sub_(velocity_F)
