"""The terms that came after the paper, against loops over experts and samples, and at their ends.

Shape suffixes: P model, N expert of any model, M expert, B sample, D width.
"""

from typing import NamedTuple

import pytest
import torch
from support.kinds import listed
from support.reference_model import TERMS as PLAIN_TERMS
from support.reference_model import Step
from support.term_values import BATCH, EXPERTS, alone, answers, drawn, noisy_scores
from torch import Tensor

from moe_search.moe.architecture import OutputRule
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.outputs.base import load_rule
from moe_search.moe.terms.base import Answers, Batch, Term
from moe_search.spec import Regularizer
from moe_search.spec.kinds.terms import TERMS

OF_THE_PAPER = ("importance", "similarity")
LATER = [name for name in TERMS if name not in OF_THE_PAPER]
AXIS = ExpertAxis(EXPERTS)


def values(name: str, said: Answers, x_FB: Tensor, axis: ExpertAxis = AXIS) -> Tensor:
    """Each model's value of a term, [P]."""
    term = TERMS[name].load_class(Term)(
        torch.ones(axis.models), [Regularizer(**{name: 1.0})] * axis.models
    )
    batch = Batch(x_FB, torch.zeros(BATCH, dtype=torch.int64), answers=said)
    return term.loss(said.logits_PMB.softmax(1), axis, batch)


class Leaves(NamedTuple):
    """What a term may depend on."""

    logits: Tensor
    hidden: Tensor
    rows: Tensor


def gradients(value: Tensor, leaves: Leaves) -> Leaves:
    if not value.requires_grad:
        return Leaves(*map(torch.zeros_like, leaves))
    found = torch.autograd.grad(
        value, leaves, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return Leaves(*found)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("name", listed(LATER, PLAIN_TERMS))
def test_each_term_is_the_plain_formula_in_value_and_gradient(name: str, k: int) -> None:
    logits_PMB, x_FB = drawn()
    rule = load_rule(OutputRule("top_k", k))
    models = [model for model, experts in enumerate(EXPERTS) if experts >= k]
    axis = ExpertAxis([EXPERTS[model] for model in models])
    logits_PMB = logits_PMB.detach()[models].requires_grad_()
    said = answers(logits_PMB, axis.experts, models)._replace(rule=rule)
    assert said.gate is not None
    weight = said.gate.get_parameter("head.weight")
    found_P = values(name, said, x_FB, axis)
    ours = Leaves(logits_PMB, said.experts.hidden_NDB, weight)
    for place, model in enumerate(models):
        own = axis.rows(place)
        leaves = Leaves(
            alone(drawn()[0], model),
            ours.hidden[own].permute(2, 0, 1).detach().requires_grad_(),
            weight[own].squeeze(1).detach().requires_grad_(),
        )
        clean_BM, scale_BM, _ = noisy_scores(leaves.logits)
        expected = PLAIN_TERMS[name](Step(*leaves, k, clean_BM, scale_BM))
        torch.testing.assert_close(found_P[place], expected)
        theirs, mine = gradients(expected, leaves), gradients(found_P[place], ours)
        logits_BM = mine.logits[place, : EXPERTS[model]].t()
        torch.testing.assert_close(logits_BM, theirs.logits)
        torch.testing.assert_close(mine.hidden[own].permute(2, 0, 1), theirs.hidden)
        torch.testing.assert_close(mine.rows[own].squeeze(1), theirs.rows)
        assert all(gradient.isfinite().all() for gradient in mine)
        for gradient, of_model in zip(mine, (slice(place, place + 1), own, own), strict=True):
            others = gradient.clone()
            others[of_model] = 0
            assert not others.any(), "it depends on another model"


def said_of(p_MB: Tensor, k: int = 1) -> tuple[Answers, ExpertAxis]:
    """What one model makes of samples with those probabilities."""
    said = answers(p_MB.log().unsqueeze(0), [len(p_MB)], [0])
    return said._replace(rule=load_rule(OutputRule("top_k", k))), ExpertAxis([len(p_MB)])


EVEN = torch.eye(3).repeat(1, BATCH // 3).clamp(min=1e-6)
ONE = torch.eye(3)[:, :1].expand(3, BATCH).clamp(min=1e-6)
UNDECIDED = torch.full((3, BATCH), 1 / 3)


@pytest.mark.parametrize(
    ("name", "p_MB", "value"),
    [
        ("load", EVEN, 0.0),
        ("load", ONE, 3.0),
        ("balance", EVEN, 1.0),
        ("balance", ONE, 3.0),
        ("information", EVEN, -1.0986),
        ("information", ONE, 0.0),
        ("information", UNDECIDED, 0.0),
        ("decided", EVEN, -2 / 3),
        ("decided", ONE, 0.0),
        ("z", UNDECIDED, 0.0),
    ],
)
def test_values_at_the_ends(name: str, p_MB: Tensor, value: float) -> None:
    said, axis = said_of(p_MB)
    (found,) = values(name, said, torch.zeros(6, BATCH), axis).tolist()
    assert found == pytest.approx(value, abs=1e-3)


def test_samples_that_all_experts_get_are_no_load() -> None:
    said, axis = said_of(ONE, k=3)
    assert values("load", said, torch.zeros(6, BATCH), axis).item() == 0


def test_a_frozen_gate_has_no_load() -> None:
    said, axis = said_of(ONE)
    assert said.gate is not None
    said.gate.eval()
    assert values("load", said, torch.zeros(6, BATCH), axis).item() == 0


def test_orthonormal_rows_and_orthogonal_experts_cost_nothing() -> None:
    said, axis = said_of(EVEN)
    assert said.gate is not None
    with torch.no_grad():
        rows = said.gate.get_parameter("head.weight")
        rows.copy_(torch.eye(*rows.shape[::2]).unsqueeze(1))
        said.experts.hidden_NDB.copy_(5 * torch.eye(3, 4).unsqueeze(2).expand(3, 4, BATCH))
    names = ("orthogonality", "experts_apart")
    assert [values(name, said, torch.zeros(6, BATCH), axis).item() for name in names] == [0, 0]
    with torch.no_grad():
        rows.fill_(1.0)
        said.experts.hidden_NDB.fill_(-2.0)
    apart, near = (values(name, said, torch.zeros(6, BATCH), axis).item() for name in names)
    assert apart > 1
    assert near == pytest.approx(1.0)


@pytest.mark.parametrize("name", LATER)
def test_a_gate_that_is_certain_has_finite_gradients(name: str) -> None:
    logits_1MB = torch.zeros(1, 3, BATCH)
    logits_1MB[0, 0] = 400.0  # the others underflow to 0
    logits_1MB.requires_grad_()
    said = answers(logits_1MB, [3], [0])
    found = values(name, said, torch.zeros(6, BATCH), ExpertAxis([3])).sum()
    assert found.isfinite()
    leaves = Leaves(logits_1MB, said.experts.hidden_NDB, torch.zeros(1, requires_grad=True))
    assert all(gradient.isfinite().all() for gradient in gradients(found, leaves))
