"""Stochastic gradient descent.

Shape suffixes: F place in the flat memory of all parameters.
"""

import torch
from torch import Tensor

from moe_search.engine.optimizers.base import PopulationOptimizer

_MOMENTUM = 0.9


class SGD(PopulationOptimizer):
    """Gradient descent with momentum (not Nesterov's), weight decay as L2.

    As in torch, v <- 0.9 v + g and w <- w - lr v.
    """

    def make(self, change_F: Tensor) -> torch.optim.Optimizer:
        return torch.optim.SGD([change_F], lr=1.0, momentum=_MOMENTUM, fused=True)
