"""One expert answers, drawn by the gate.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, TINY, Rule, of_label
from moe_search.ops.invariant import sum_over_experts


class Stochastic(Rule):
    """One expert answers, drawn by p in training; inference takes the most probable expert.

    The loss is Jacobs' competitive one, -log sum_e p_e exp(-l_e / 2) with
    l_e = -log(o_e[label] + 1e-7).
    """

    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        right_PMB = of_label(outputs_PMCB, label_B)
        p_PMB = self.distribution(logits_PMB)
        return -(sum_over_experts(p_PMB * (right_PMB + EPSILON).sqrt()) + TINY).log()
