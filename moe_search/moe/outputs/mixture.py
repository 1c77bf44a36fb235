"""The mean of the experts' probabilities.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, Rule
from moe_search.ops.invariant import sum_over_experts


class Mixture(Rule):
    """y = sum_e p_e o_e; loss -log(y[label] + 1e-7)."""

    def class_losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        p_PM1B = self.distribution(logits_PMB).unsqueeze(2)
        return -(sum_over_experts(p_PM1B * outputs_PMCB) + EPSILON).log()
