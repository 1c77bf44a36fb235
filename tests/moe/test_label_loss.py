"""Smoothed and weighted losses against torch's cross_entropy, in value and gradient.

Shape suffixes: P model, M expert, C class, B sample.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from moe_search.moe.architecture import OutputRule
from moe_search.moe.label_loss import LabelLoss, balanced
from moe_search.moe.outputs.base import load_rule

MODELS, EXPERTS, CLASSES, BATCH = 3, 4, 5, 11
SMOOTHING_P = torch.tensor([0.0, 0.1, 0.4], dtype=torch.float64)


def drawn() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gate logits, class probabilities, labels, class weights."""
    random = torch.Generator().manual_seed(0)
    logits_PMB = torch.randn(MODELS, EXPERTS, BATCH, generator=random, dtype=torch.float64)
    scores = torch.randn(MODELS, EXPERTS, CLASSES, BATCH, generator=random, dtype=torch.float64)
    label_B = torch.randint(CLASSES, (BATCH,), generator=random)
    weight_PC = torch.rand(MODELS, CLASSES, generator=random, dtype=torch.float64) + 0.1
    return logits_PMB.requires_grad_(), scores.softmax(2).requires_grad_(), label_B, weight_PC


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothed", [False, True])
def test_it_is_torchs_cross_entropy(smoothed: bool, weighted: bool) -> None:
    """Of the rule whose losses are negative logarithms of probabilities that sum to 1."""
    logits_PMB, outputs_PMCB, label_B, weight_PC = drawn()
    rule = load_rule(OutputRule("product"))
    given = SMOOTHING_P if smoothed else None, weight_PC if weighted else None
    loss_P = LabelLoss(rule, *given)(logits_PMB, outputs_PMCB, label_B)
    found = torch.autograd.grad(loss_P.sum(), (logits_PMB, outputs_PMCB))
    for model in range(MODELS):
        p_1MB = logits_PMB[model : model + 1].softmax(1)
        y_CB = rule.answer(p_1MB, outputs_PMCB[model : model + 1])[0]
        loss = F.cross_entropy(
            y_CB.t().log(),
            label_B,
            weight_PC[model] if weighted else None,
            label_smoothing=SMOOTHING_P[model].item() if smoothed else 0.0,
        )
        torch.testing.assert_close(loss_P[model], loss)
        expected = torch.autograd.grad(loss, (logits_PMB, outputs_PMCB))
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours[model], theirs[model])


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    label_N = torch.tensor([0, 0, 0, 2, 2, 1])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=label_N.numpy())
    assert balanced(label_N, 3).tolist() == pytest.approx([*expected])
    absent = balanced(label_N, 5)
    assert absent[3:].tolist() == [0, 0]
