"""One expert answers, drawn by the gate.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, TINY, Rule
from moe_search.ops.invariant import sum_over_experts


class Stochastic(Rule):
    """One expert answers, drawn by p in training; inference takes the most probable expert.

    The loss is Jacobs' competitive one, -log sum_e p_e exp(-l_e / 2) with
    l_e = -log(o_e[label] + 1e-7).
    """

    def class_losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        p_PM1B = self.distribution(logits_PMB).unsqueeze(2)
        return -(sum_over_experts(p_PM1B * (outputs_PMCB + EPSILON).sqrt()) + TINY).log()
