"""L_s against loops over experts and pairs of samples, in value and gradient.

Shape suffixes: P model, M expert, B sample, F feature.
"""

import math

import pytest
import torch
from support.reference_model import similarity_loss
from support.term_values import BATCH, EXPERTS, EXPERTS_P, MEANS_P, alone, assert_same, drawn

from moe_search.moe.terms.similarity import distances, similarity


@pytest.mark.parametrize("power", [1, 2])
def test_distances_are_euclidean_or_squared_and_zero_on_the_diagonal(power: int) -> None:
    _, x_FB = drawn()
    x_FB[:, 3] = x_FB[:, 5]
    distance_BB = distances(x_FB, squared=power == 2)
    for i in range(BATCH):
        for j in range(BATCH):
            expected = math.dist(x_FB[:, i].tolist(), x_FB[:, j].tolist()) ** power
            assert float(distance_BB[i, j]) == pytest.approx(expected, abs=1e-6)
        assert float(distance_BB[i, i]) == 0


@pytest.mark.parametrize("samples", [1, 64, 150])
def test_distances_of_a_whole_batch(samples: int) -> None:
    x_FB = torch.randn(20, samples, generator=torch.Generator().manual_seed(samples))
    expected_BB = torch.cdist(x_FB.t().double(), x_FB.t().double())
    torch.testing.assert_close(distances(x_FB).double(), expected_BB, atol=1e-5, rtol=0)


@pytest.mark.parametrize("summed", [False, True])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("model", range(len(EXPERTS)))
def test_similarity_is_a_mean_over_pairs_or_their_sum(model: int, power: int, summed: bool) -> None:
    logits_PMB, x_FB = drawn()
    logits_BM, x_BF = alone(logits_PMB, model), x_FB.t()
    p_BM = logits_BM.softmax(1)
    expected = p_BM.new_zeros(())
    for i in range(BATCH):
        for j in range(BATCH):
            together = torch.stack([p * q for p, q in zip(p_BM[i], p_BM[j], strict=True)]).sum()
            distance = math.dist(x_BF[i].tolist(), x_BF[j].tolist()) ** power
            expected = expected + distance * together / EXPERTS[model]
    expected = expected if summed else expected / BATCH**2
    summed_P = (torch.arange(len(EXPERTS)) == model) == summed  # the others have the other scale
    found_P = similarity(
        logits_PMB.softmax(1), EXPERTS_P, distances(x_FB, squared=power == 2), summed_P
    )
    assert_same(found_P, logits_PMB, model, expected, logits_BM)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("model", [0, 1, 2])
def test_the_weight_of_the_sum_is_the_authors_beta_s(model: int, squared: bool) -> None:
    logits_PMB, x_FB = drawn()
    logits_BM, beta_s = alone(logits_PMB, model), 1e-3
    authors = similarity_loss(logits_BM.softmax(1), x_FB.t(), beta_s, 0.0, squared)
    found_P = beta_s * similarity(
        logits_PMB.softmax(1), EXPERTS_P, distances(x_FB, squared), ~MEANS_P
    )
    assert_same(found_P, logits_PMB, model, authors, logits_BM)


@pytest.mark.parametrize("model", [0, 1, 2])
@pytest.mark.parametrize("beta_d", [1e-3, 0.7])
def test_the_authors_second_term_is_a_constant_and_a_multiple_of_the_first(
    model: int, beta_d: float
) -> None:
    logits_PMB, x_FB = drawn()
    M, beta_s, distance_BB = EXPERTS[model], 0.01, distances(x_FB)
    logits_BM = alone(logits_PMB, model)
    authors = similarity_loss(logits_BM.softmax(1), x_FB.t(), beta_s, beta_d)
    multiple = beta_s * BATCH**2 + beta_d / (M - 1)
    constant = -beta_d * distance_BB.sum() / (BATCH**2 * (M**2 - M))
    p_PMB = logits_PMB.softmax(1)
    found_P = multiple * similarity(p_PMB, EXPERTS_P, distance_BB, MEANS_P) + constant
    assert_same(found_P, logits_PMB, model, authors, logits_BM)


def test_a_models_similarity_has_the_same_bits_in_any_company() -> None:
    logits_PMB, x_FB = drawn(torch.float32)
    p_PMB = logits_PMB.softmax(1)
    distance_BB = distances(x_FB)
    together_P = similarity(p_PMB, EXPERTS_P, distance_BB, MEANS_P)
    for model, experts in enumerate(EXPERTS):
        only = slice(model, model + 1)
        alone = similarity(p_PMB[only, :experts], EXPERTS_P[only], distance_BB, MEANS_P[only])
        assert torch.equal(alone[0], together_P[model])
