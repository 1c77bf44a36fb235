"""Adam.

Shape suffixes: F place in the flat memory of all parameters.
"""

import torch
from torch import Tensor

from moe_search.engine.optimizers.base import PopulationOptimizer


class Adam(PopulationOptimizer):
    """Adam (Kingma and Ba, arXiv 1412.6980) with torch's numbers, weight decay as L2."""

    def make(self, change_F: Tensor) -> torch.optim.Optimizer:
        return torch.optim.Adam([change_F], lr=1.0, fused=True)
