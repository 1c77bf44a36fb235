"""L_importance.

Shape suffixes: P model, M expert, B sample.
"""

import torch
from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import sum_over_experts


class Importance(Term):
    """Experts that are used alike."""

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        return importance(p_PMB, axis.experts_P)


def importance(p_PMB: Tensor, experts_P: Tensor) -> Tensor:
    """L_importance of Shazeer et al. (2017), [P]: squared coefficient of variation of the usage.

    (std_e(I) / mean_e(I))^2 with I_e = sum over the batch of p(e|x) and the unbiased standard
    deviation. 0 for a model of one expert.
    """
    mean_P = p_PMB.shape[2] / experts_P
    deviation_PM = p_PMB.sum(2) - mean_P[:, None]
    present_PM = torch.arange(p_PMB.shape[1], device=p_PMB.device) < experts_P[:, None]
    square_P = sum_over_experts(deviation_PM.square() * present_PM)
    return square_P / (experts_P - 1).clamp(min=1) / mean_P.square()
