"""Experts that make different things of one sample.

Shape suffixes: P model, M expert, D width of the hidden representation, B sample.
"""

import torch
from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import spread_over_experts, sum_over_experts

_SMALLEST_NORM = 1e-6  # keeps the cosine with a vector of zeros, and its gradient, finite


class ExpertsApart(Term):
    """The mean squared cosine of two experts' hidden representations of a sample; 0 of one expert.

    The idea of the orthogonality loss of "Advancing Expert Specialization for Better MoE" (Guo et
    al., arXiv 2505.22323), which sums the projections of an expert's output on those of the others
    that the sample is sent to. Here the cosine is squared, so that no scale of an expert makes it
    small, all pairs of experts count, as all are trained, and it is a mean over them.
    """

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        hidden_PMDB = axis.fold(batch.answered().experts.hidden_NDB)
        norm_PM1B = torch.linalg.vector_norm(hidden_PMDB, dim=2, keepdim=True)
        unit_PMDB = hidden_PMDB / norm_PM1B.clamp(min=_SMALLEST_NORM)
        places = unit_PMDB.shape[1]
        cosine_PM = []
        for expert in range(places):
            own_PMDB = spread_over_experts(unit_PMDB[:, expert], places)
            square_PM = (unit_PMDB * own_PMDB).sum(2).square().mean(2)
            pair_PM = axis.present_PM & axis.present_PM[:, expert, None]
            pair_PM[:, expert] = False
            cosine_PM.append(sum_over_experts(torch.where(pair_PM, square_PM, 0.0)))
        pairs_P = (axis.experts_P * (axis.experts_P - 1)).clamp(min=1)
        return sum_over_experts(torch.stack(cosine_PM, 1)) / pairs_P
