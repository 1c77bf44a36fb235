"""Adam.

Shape suffixes: F place in the flat memory of all parameters.
"""

from typing import ClassVar

import torch
from torch import Tensor

from moe_search.engine.optimizers.base import PopulationOptimizer
from moe_search.ops.optimizers.one_pass import Numbers, Places, adam

_BETAS, _EPSILON = (0.9, 0.999), 1e-8  # torch's numbers
_STEP, _MOMENTS = "step", ("exp_avg", "exp_avg_sq")  # torch's names


class Adam(PopulationOptimizer):
    """Adam (Kingma and Ba, arXiv 1412.6980) with torch's numbers, weight decay as L2.

    Attributes:
        decoupled: whether weights decay by themselves instead.
    """

    compiles = True
    decoupled: ClassVar[bool] = False

    def make(self, change_F: Tensor) -> torch.optim.Optimizer:
        return torch.optim.Adam([change_F], lr=1.0, betas=_BETAS, eps=_EPSILON, fused=True)

    def one_pass(self, places: Places, numbers: Numbers) -> None:
        if not self.kept:
            self.kept[_STEP] = torch.tensor(0.0)
            self.kept |= {moment: torch.zeros_like(places.weight_F) for moment in _MOMENTS}
        self.kept[_STEP] += 1
        mean_F, square_F = (self.kept[moment] for moment in _MOMENTS)
        step = int(self.kept[_STEP])
        adam(places, numbers, mean_F, square_F, step, _BETAS, _EPSILON, self.decoupled)
