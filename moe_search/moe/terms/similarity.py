"""L_s, sample similarity.

Shape suffixes: P model, M expert, B sample, F feature of the input.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.invariant import rowwise_product, sum_over_experts
from moe_search.ops.matmul import gram, product
from moe_search.spec.configuration import Regularizer


class Similarity(Term):
    """Near samples to one expert, far ones apart; by each model's own distance and scale."""

    def __init__(self, weight_P: Tensor, chosen: Sequence[Regularizer]) -> None:
        super().__init__(weight_P, chosen)
        spaces = [(regularizer.features, regularizer.distance) for regularizer in chosen]
        used = {space for space, weight in zip(spaces, weight_P.tolist(), strict=True) if weight}
        device = weight_P.device
        self._models = {
            space: torch.tensor([space == of_model for of_model in spaces], device=device)
            for space in sorted(used)
        }
        scales = [regularizer.scale == "authors" for regularizer in chosen]
        self._summed_P = torch.tensor(scales, device=device)

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        loss_P = p_PMB.new_zeros(axis.models)
        for (space, distance), own_P in self._models.items():
            distance_BB = distances(batch.samples(space), distance == "squared")
            found_P = similarity(p_PMB, axis.experts_P, distance_BB, self._summed_P)
            loss_P = torch.where(own_P, found_P, loss_P)
        return loss_P


def distances(x_FB: Tensor, squared: bool = False) -> Tensor:
    """Euclidean distances between the samples of a batch, [B, B], or their squares; 0 to itself.

    They depend on the batch alone, so all models in step share them.
    """
    product_BB = gram(x_FB)
    squares_B = product_BB.diagonal().clone()
    squared_BB = product_BB.mul_(-2).add_(squares_B).add_(squares_B[:, None]).clamp_(min=0)
    return (squared_BB if squared else squared_BB.sqrt_()).fill_diagonal_(0)


def similarity(p_PMB: Tensor, experts_P: Tensor, distance_BB: Tensor, summed_P: Tensor) -> Tensor:
    """L_s, sample similarity (arXiv 2302.14703), [P]: near samples to one expert, far ones apart.

    1/B^2 sum_ij D_ij 1/M sum_e p(e|x_i) p(e|x_j): the mean over pairs of samples of their distance
    times the probability that one expert gets both, over M. Models in ``summed_P`` have the sum
    over pairs in its place, B^2 times as much.

    The authors' code has beta_s S - beta_d X / B^2 with S = sum_ij D_ij 1/M sum_e p_ie p_je and
    plain distances; a parenthesis that is not there leaves S a sum where X is a mean. So a weight w
    of the sum is their beta_s, and one of the mean is beta_s B^2: beta_s = 1e-6 at B = 512 is
    w = 0.262. Their second term, over pairs of different experts, has
    X = 1/(M^2 - M) sum_ij D_ij (1 - sum_e p_ie p_je), because p sums to 1: a constant minus a
    multiple of the first. It is no second degree of freedom and is left out.

    Elsewhere D is the squared distance and the mean goes over the B^2 - B pairs of two samples. A
    sample's distance to itself is 0, so that is B / (B - 1) times the mean here.
    """
    together_PM = (rowwise_product(p_PMB, distance_BB, product) * p_PMB).sum(2)
    pairs_P = torch.where(summed_P, 1, p_PMB.shape[2] ** 2)
    return sum_over_experts(together_PM) / (experts_P * pairs_P)
