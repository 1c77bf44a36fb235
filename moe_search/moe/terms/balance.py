"""Balance of the samples that experts are sent.

Shape suffixes: P model, M expert, B sample.
"""

from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import sum_over_experts


class Balance(Term):
    """The load-balancing loss of the Switch Transformer (Fedus et al., arXiv 2101.03961).

    M sum_e f_e P_e with P_e the mean of p(e|x) over the batch, and f_e the share of the samples
    that are sent to expert e, without a gradient: 1 where both are even, M where one expert gets
    all. The source sends a sample to one expert; of the k that a rule chooses, each gets 1 / k of
    it. The bias of loss-free balancing counts in f, as it does in the choice.
    """

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        answers = batch.answered()
        chosen_PMB = answers.rule.chosen(answers.logits_PMB.detach()).to(p_PMB.dtype)
        sent_PM = chosen_PMB.sum(2)
        share_PM = sent_PM / sum_over_experts(sent_PM)[:, None]
        return axis.experts_P * sum_over_experts(share_PM * p_PMB.mean(2))
