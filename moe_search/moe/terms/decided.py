"""A gate that treats samples differently.

Shape suffixes: P model, M expert, B sample.
"""

from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import sum_over_experts


class Decided(Term):
    """Less the variance over the batch of p(e|x), summed over the experts; 0 of one expert.

    The variance loss of "Advancing Expert Specialization for Better MoE" (Guo et al., arXiv
    2505.22323), which takes the scores of the chosen experts and sums over the samples; here it is
    their mean, and p is the softmax over all experts.
    """

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        deviation_PMB = p_PMB - p_PMB.mean(2, keepdim=True)
        return -sum_over_experts(deviation_PMB.square().mean(2))
