"""Information that the expert has of the sample.

Shape suffixes: P model, M expert, B sample.
"""

from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import sum_over_experts

_SMALLEST = 1e-30  # keeps logarithms and their gradients finite


class Information(Term):
    """H_s - H_u in nats: the mean entropy of p(e|x) less the entropy of its mean, -I(E;X).

    What Mod-Squad (Chen et al., arXiv 2212.08066) maximises of experts and tasks, here of experts
    and the samples of a batch. Both entropies have the same weight.
    """

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        sample_P = sum_over_experts(_entropies(p_PMB).mean(2))
        return sample_P - sum_over_experts(_entropies(p_PMB.mean(2)))


def _entropies(p: Tensor) -> Tensor:
    """-p log p, 0 where p is 0, and so is its gradient by a logit."""
    return -p * p.clamp(min=_SMALLEST).log()
