"""L_load.

Shape suffixes: P model, M expert, K one of the largest, B sample.
"""

import torch
from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.noisy import NoisyGate, NoisyScores
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import spread_over_experts, sum_over_experts


class Load(Term):
    """L_load of Shazeer et al. (arXiv 1701.06538): experts that are sent as many samples.

    The squared coefficient of variation, with the unbiased variance, of a load that has a gradient:
    Load_e = sum_i P(i, e), the probability over new noise of e alone that sample i is sent to e.
    P(i, e) = Phi((clean_ie - t_ie) / scale_ie), t_ie the k-th largest of the noisy logits of the
    other experts. 0 where a sample is sent to every expert, and while the gate is frozen.
    """

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        answers = batch.answered()
        gate = answers.gate
        assert isinstance(gate, NoisyGate), "the load of a gate without noise has no gradient"
        if not gate.training:
            return p_PMB.new_zeros(axis.models)
        load_PM = probabilities(gate.scores, axis, answers.rule.rule.k).sum(2)
        mean_P = sum_over_experts(load_PM) / axis.experts_P
        mean_PM = spread_over_experts(mean_P, load_PM.shape[1])
        deviation_PM = torch.where(axis.present_PM, load_PM - mean_PM, 0.0)
        square_P = sum_over_experts(deviation_PM.square())
        return square_P / (axis.experts_P - 1).clamp(min=1) / mean_P.square()


def probabilities(scores: NoisyScores, axis: ExpertAxis, k: int) -> Tensor:
    """P(i, e), [P, M, B]: 1 where an expert has fewer than k others, 0 where there is none."""
    clean_PMB, scale_PMB, noisy_PMB = scores
    present_PM1 = axis.present_PM.unsqueeze(2)
    if noisy_PMB.shape[1] <= k:
        return present_PM1.expand_as(noisy_PMB).to(noisy_PMB.dtype)
    largest_PKB = noisy_PMB.topk(k + 1, dim=1).values
    among_PMB = noisy_PMB >= largest_PKB[:, k - 1 : k]
    threshold_PMB = torch.where(among_PMB, largest_PKB[:, k:], largest_PKB[:, k - 1 : k])
    judged_PMB = present_PM1 & threshold_PMB.isfinite()
    margin_PMB = torch.where(judged_PMB, clean_PMB - threshold_PMB, 0.0)
    p_PMB = torch.special.ndtr(margin_PMB / scale_PMB)
    return torch.where(judged_PMB, p_PMB, present_PM1.to(p_PMB.dtype))
