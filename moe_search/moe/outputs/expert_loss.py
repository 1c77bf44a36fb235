"""The expert answers whose loss the gate predicts to be the least.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, TINY, Rule, of_label
from moe_search.ops.invariant import sum_over_experts


class ExpertLoss(Rule):
    """The gate's logits g_e predict each expert's log-probability of the label; the best answers.

    The loss is -log(o_b[label] + 1e-7) of the expert b with the best prediction, from which it
    alone learns, plus the gate's own, sum_e |g_e - log(o_e[label] + 1e-15)|, with o_e taken as
    given.
    """

    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        right_PMB = of_label(outputs_PMCB, label_B)
        best_P1B = logits_PMB.argmax(1, keepdim=True)
        answer_PB = right_PMB.gather(1, best_P1B).squeeze(1)
        missed_PMB = (logits_PMB - (right_PMB.detach() + TINY).log()).abs()
        there_PMB = missed_PMB.masked_fill(logits_PMB.isneginf(), 0.0)
        return sum_over_experts(there_PMB) - (answer_PB + EPSILON).log()
