"""Which expert learns from a sample without a gate, sample after sample.

Shape suffixes: P model, M expert, C class, B sample.
"""

import torch
from torch import Generator

from moe_search.moe.pretraining import chosen_loss, peeking

P, M, C, B = 2, 3, 4, 50
DRAWN = Generator().manual_seed(0)
OUTPUTS_PMCB = torch.randn(P, M, C, B, generator=DRAWN, dtype=torch.float64).softmax(2)
LABEL_B = torch.randint(C, (B,), generator=DRAWN)
NOISE_PMB = torch.randn(P, M, B, generator=DRAWN, dtype=torch.float64)


def test_the_peeking_expert_is_the_least_surprised_up_to_noise() -> None:
    found_PB = peeking(OUTPUTS_PMCB, LABEL_B, NOISE_PMB)
    for model in range(P):
        for sample, label in enumerate(LABEL_B.tolist()):
            bits_M = -torch.log2(OUTPUTS_PMCB[model, :, label, sample] + 1e-15)
            p_M = torch.softmax(-(bits_M + NOISE_PMB[model, :, sample]), 0)
            assert found_PB[model, sample] == p_M.argmax()
    assert set(found_PB.flatten().tolist()) == {0, 1, 2}


def test_an_absent_expert_never_learns() -> None:
    noise_PMB = NOISE_PMB.clone()
    noise_PMB[1, 2] = torch.inf
    assert peeking(OUTPUTS_PMCB, LABEL_B, noise_PMB)[1].max() == 1


def test_only_the_chosen_expert_learns_from_a_sample() -> None:
    outputs_PMCB = OUTPUTS_PMCB.clone().requires_grad_()
    chosen_PB = torch.randint(M, (P, B), generator=DRAWN)
    loss_PB = chosen_loss(outputs_PMCB, LABEL_B, chosen_PB)
    torch.autograd.backward(loss_PB.sum())
    expected = torch.zeros_like(OUTPUTS_PMCB)
    for model in range(P):
        for sample, label in enumerate(LABEL_B.tolist()):
            expert = int(chosen_PB[model, sample])
            right = OUTPUTS_PMCB[model, expert, label, sample] + 1e-7
            torch.testing.assert_close(loss_PB[model, sample].detach(), -right.log())
            expected[model, expert, label, sample] = -1 / right
    torch.testing.assert_close(outputs_PMCB.grad, expected)
