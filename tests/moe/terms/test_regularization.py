"""Terms alone and together, each with weights of each model's own.

Shape suffixes: P model, M expert, B sample.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from support.reference_model import importance_loss, similarity_loss
from support.term_values import BATCH, EXPERTS, alone, answers, assert_same, drawn
from torch import Tensor

from moe_search.errors import MemberError
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.moe.terms.regularization import Regularization
from moe_search.spec import Regularizer
from moe_search.spec.kinds.terms import TERMS, TermKind

CPU = torch.device("cpu")
CHOSEN: list[dict[str, Any]] = [
    {"importance": 0.3, "similarity": 0.7},
    {"similarity": 0.2, "distance": "squared"},
    {"importance": 0.1, "similarity": 1e-3, "scale": "authors", "features": "network"},
    {},
]
"""The regularizer of each model."""


def network(x: Tensor) -> Tensor:
    """What a frozen network might say of a batch, [5, B]."""
    return x.flatten(0, -2)[:5].sin()


def added(
    chosen: Sequence[Mapping[str, Any]],
    logits_PMB: Tensor,
    x_FB: Tensor,
    experts: Sequence[int] = EXPERTS,
    seeds: Sequence[int] = (0, 1, 2, 3),
) -> Tensor:
    """What the terms add to losses of 0, [P]."""
    regularization = Regularization([Regularizer(**one) for one in chosen], CPU)
    label_B = torch.zeros(BATCH, dtype=torch.int64)
    batch = Batch(x_FB, label_B, network, answers(logits_PMB, experts, seeds))
    zero_P = logits_PMB.new_zeros(len(experts))
    return regularization.added_to(zero_P, logits_PMB.softmax(1), ExpertAxis(experts), batch)


def reference(chosen: Mapping[str, Any], logits_BM: Tensor, x_FB: Tensor) -> Tensor:
    """The same of one model, by loops."""
    p_BM, x_BF = logits_BM.softmax(1), x_FB.t()
    regularizer = Regularizer(**chosen)
    compared = network(x_FB).t() if regularizer.features == "network" else x_BF
    beta_s = regularizer.weights.get("similarity", 0.0)
    beta_s = beta_s if regularizer.scale == "authors" else beta_s / BATCH**2
    loss = similarity_loss(p_BM, compared, beta_s, 0.0, regularizer.distance == "squared")
    return loss + regularizer.weights.get("importance", 0.0) * importance_loss(p_BM)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("model", [0, 1, 2])
def test_each_model_has_its_own_terms_in_value_and_gradient(model: int) -> None:
    logits_PMB, x_FB = drawn()
    logits_BM = alone(logits_PMB, model)
    found_P = added(CHOSEN, logits_PMB, x_FB)
    assert found_P[3] == 0
    expected = reference(CHOSEN[model], logits_BM, x_FB)
    assert_same(found_P, logits_PMB, model, expected, logits_BM)


def test_company_changes_no_bit_of_value_or_gradient() -> None:
    logits_PMB, x_FB = drawn(torch.float32)
    together_P = added(CHOSEN, logits_PMB, x_FB)
    (gradient_PMB,) = torch.autograd.grad(together_P.sum(), logits_PMB)
    for model, experts in enumerate(EXPERTS):
        logits_1MB = logits_PMB.detach()[model : model + 1, :experts].requires_grad_()
        found_1 = added(CHOSEN[model : model + 1], logits_1MB, x_FB, [experts], [model])
        assert torch.equal(found_1[0], together_P[model])
        if CHOSEN[model]:
            (gradient_1MB,) = torch.autograd.grad(found_1.sum(), logits_1MB)
            assert torch.equal(gradient_1MB[0], gradient_PMB[model, :experts])


@pytest.mark.parametrize("name", TERMS)
def test_company_changes_no_bit_of_any_term(name: str) -> None:
    logits_PMB, x_FB = drawn(torch.float32)
    chosen = [{name: weight} for weight in (0.5, 0.0, 2.0, 1.0)]
    together_P = added(chosen, logits_PMB, x_FB)
    assert together_P[1] == 0
    for model, experts in enumerate(EXPERTS):
        logits_1MB = logits_PMB[model : model + 1, :experts]
        found_1 = added(chosen[model : model + 1], logits_1MB, x_FB, [experts], [model])
        assert torch.equal(found_1[0], together_P[model])


def test_terms_are_what_kind_says_in_every_bit() -> None:
    logits_PMB, x_FB = drawn(torch.float32)
    by_kind: list[dict[str, Any]] = [
        {"kind": "both", "weight": 0.2, "similarity_weight": 0.26},
        {"kind": "importance", "weight": 0.2},
        {"kind": "similarity", "weight": 0.26},
        {"kind": "none", "weight": 0.2},
    ]
    by_weight = [{"importance": 0.2, "similarity": 0.26}, {"importance": 0.2}]
    by_weight += [{"similarity": 0.26}, {"importance": 0.0}]
    found, expected = (added(chosen, logits_PMB, x_FB) for chosen in (by_weight, by_kind))
    assert torch.equal(found, expected)


def test_a_term_that_nothing_makes_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    row = TermKind(meaning="a term", made_by="moe_search.moe.terms.nowhere:Nowhere")
    monkeypatch.setitem(TERMS._own, "nowhere", row)
    monkeypatch.setattr(Regularizer, "weights", property(lambda _: {"nowhere": 1.0}))
    with pytest.raises(MemberError, match=r"^moe_search.moe.terms.nowhere:Nowhere cannot be load"):
        Regularization([Regularizer()], CPU)


@pytest.mark.parametrize("name", TERMS)
def test_every_term_is_made(name: str) -> None:
    assert TERMS[name].load_class(Term) is not Term
