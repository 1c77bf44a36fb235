"""L_importance against the plain formula, in value and gradient.

Shape suffixes: P model, M expert, B sample.
"""

import pytest
import torch
from support.reference_model import importance_loss
from support.term_values import EXPERTS_P, alone, assert_same, drawn

from moe_search.moe.terms.importance import importance


@pytest.mark.parametrize("model", [0, 1, 2])
def test_importance(model: int) -> None:
    logits_PMB, _ = drawn()
    logits_BM = alone(logits_PMB, model)
    found_P = importance(logits_PMB.softmax(1), EXPERTS_P)
    assert_same(found_P, logits_PMB, model, importance_loss(logits_BM.softmax(1)), logits_BM)


def test_importance_is_0_where_experts_are_used_alike_and_M_where_one_is_used() -> None:
    alike, collapsed = torch.full((4, 7), 0.25), torch.zeros(4, 7)
    collapsed[2] = 1
    found_P = importance(torch.stack([alike, collapsed]), torch.tensor([4, 4]))
    torch.testing.assert_close(found_P, torch.tensor([0.0, 4.0]))


def test_a_model_of_one_expert_has_no_importance_and_no_gradient_of_it() -> None:
    p_PMB = torch.ones(1, 1, 8, requires_grad=True)
    found = importance(p_PMB, torch.tensor([1]))
    (gradient,) = torch.autograd.grad(found.sum(), p_PMB)
    assert found.item() == 0
    assert not gradient.any()
