"""The expert answers whose loss the gate predicts to be the least.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, TINY, Rule
from moe_search.ops.invariant import sum_over_experts


class ExpertLoss(Rule):
    """The gate's logits g_e predict each expert's log-probability of the label; the best answers.

    The loss is -log(o_b[label] + 1e-7) of the expert b with the best prediction, from which it
    alone learns, plus the gate's own, sum_e |g_e - log(o_e[label] + 1e-15)|, with o_e taken as
    given.
    """

    def class_losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        best_P11B = logits_PMB.argmax(1, keepdim=True).unsqueeze(2)
        index_P1CB = best_P11B.expand(-1, -1, outputs_PMCB.shape[2], -1)
        answer_PCB = outputs_PMCB.gather(1, index_P1CB).squeeze(1)
        logits_PM1B = logits_PMB.unsqueeze(2)
        missed_PMCB = (logits_PM1B - (outputs_PMCB.detach() + TINY).log()).abs()
        there_PMCB = missed_PMCB.masked_fill(logits_PM1B.isneginf(), 0.0)
        return sum_over_experts(there_PMCB) - (answer_PCB + EPSILON).log()
