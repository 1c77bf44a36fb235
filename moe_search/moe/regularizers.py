"""Regularizers of the gate, one value per model of a population.

Shape suffixes: P model, M expert, B sample, F feature of the input.

p(e|x) is the softmax over all experts of a model, whatever the output rule keeps of it, so that an
expert that gets no samples still has a gradient. Places without an expert hold p = 0.
"""

import torch
from torch import Tensor

from moe_search.ops.invariant import rowwise_product, sum_over_experts
from moe_search.ops.matmul import gram, product


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
