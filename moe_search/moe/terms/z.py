"""The router z-loss.

Shape suffixes: P model, M expert, B sample.
"""

from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import sum_over_experts


class Z(Term):
    """The z-loss of ST-MoE (Zoph et al., arXiv 2202.08906): keeps the gate's logits small.

    The mean over the batch of (log sum_e exp z_e)^2, with z the logits over temperature, of which
    the softmax is taken. The source has no temperature.
    """

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        logits_PMB = batch.answered().logits_PMB
        largest_PB = logits_PMB.detach().amax(1)
        scaled_PMB = (logits_PMB - largest_PB[:, None]).exp()
        log_sum_PB = sum_over_experts(scaled_PMB).log() + largest_PB
        return log_sum_PB.square().mean(1)
