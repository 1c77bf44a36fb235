"""The mean of the experts' probabilities.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, Rule, of_label
from moe_search.ops.invariant import sum_over_experts


class Mixture(Rule):
    """y = sum_e p_e o_e; loss -log(y[label] + 1e-7)."""

    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        right_PMB = of_label(outputs_PMCB, label_B)
        p_PMB = self.distribution(logits_PMB)
        return -(sum_over_experts(p_PMB * right_PMB) + EPSILON).log()
