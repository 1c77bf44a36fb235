"""Output rules against a loop over samples and experts.

Shape suffixes: P model, M expert, C class, B sample.
"""

import math

import pytest
import torch
from support.kinds import listed
from support.reference_model import RULES as PLAIN_RULES
from support.reference_model import answer, inference_gate, rule_losses
from torch import Tensor

from moe_search.moe.architecture import OutputRule
from moe_search.moe.outputs.base import load_rule
from moe_search.spec.kinds.outputs import OUTPUTS

NUMBERS = {"top_k": (1, 2, 3)}
"""Of rules that have one, those to try."""
RULES = [OutputRule(kind, k) for kind in OUTPUTS for k in NUMBERS.get(kind, (1,))]
EXPERTS = (4, 2, 1)
CLASSES, BATCH = 5, 11

each_rule = pytest.mark.parametrize("rule", RULES, ids=str)
each_plain_rule = pytest.mark.parametrize(
    "rule", listed(RULES, PLAIN_RULES, lambda rule: rule.kind), ids=str
)


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Gate logits of three models, absent experts masked, class probabilities, labels."""
    random = torch.Generator().manual_seed(0)
    shape = (len(EXPERTS), max(EXPERTS))
    logits_PMB = torch.randn(*shape, BATCH, generator=random, dtype=torch.float64) * 2
    for model, experts in enumerate(EXPERTS):
        logits_PMB[model, experts:] = -torch.inf
    scores = torch.randn(*shape, CLASSES, BATCH, generator=random, dtype=torch.float64)
    label_B = torch.randint(CLASSES, (BATCH,), generator=random)
    return logits_PMB.requires_grad_(), scores.softmax(2).requires_grad_(), label_B


@each_plain_rule
def test_losses_and_their_gradients(rule: OutputRule) -> None:
    logits_PMB, outputs_PMCB, label_B = drawn()
    loss_PB = load_rule(rule).losses(logits_PMB, outputs_PMCB, label_B)
    weight_PB = torch.rand(loss_PB.shape, generator=torch.Generator().manual_seed(1)).double()
    found = torch.autograd.grad((loss_PB * weight_PB).sum(), (logits_PMB, outputs_PMCB))
    for model, experts in enumerate(EXPERTS):
        logits_BM = logits_PMB.detach()[model, :experts].t().requires_grad_()
        outputs_BMC = outputs_PMCB.detach()[model, :experts].permute(2, 0, 1).requires_grad_()
        loss_B = rule_losses(logits_BM, outputs_BMC, label_B, rule.kind, rule.k)
        torch.testing.assert_close(loss_PB[model], loss_B)
        expected = torch.autograd.grad(
            (loss_B * weight_PB[model]).sum(), (logits_BM, outputs_BMC), materialize_grads=True
        )
        torch.testing.assert_close(found[0][model, :experts].t(), expected[0])
        torch.testing.assert_close(found[1][model, :experts].permute(2, 0, 1), expected[1])
        assert not found[0][model, experts:].any()
        assert not found[1][model, experts:].any()


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("experts", [3, 4, 5, 8, 40])
def test_of_equal_experts_the_first_are_chosen_alone_and_beside_larger_models(
    experts: int, k: int
) -> None:
    rule = load_rule(OutputRule("top_k", k))
    for width in (experts, experts + 1, 2 * experts, 64):
        logits_PMB = torch.full((2, width, BATCH), -torch.inf)
        logits_PMB[:, :experts] = 0
        chosen_PMB = rule.chosen(logits_PMB)
        assert chosen_PMB[:, :k].all()
        assert not chosen_PMB[:, k:].any()


@each_rule
def test_losses_of_classes_are_those_of_labels(rule: OutputRule) -> None:
    logits_PMB, outputs_PMCB, label_B = drawn()
    every_PCB = load_rule(rule).class_losses(logits_PMB, outputs_PMCB)
    for label in range(CLASSES):
        loss_PB = load_rule(rule).losses(logits_PMB, outputs_PMCB, torch.full_like(label_B, label))
        assert torch.equal(every_PCB[:, label], loss_PB)


@each_plain_rule
def test_distributions_at_inference(rule: OutputRule) -> None:
    logits_PMB, outputs_PMCB, _ = drawn()
    p_PMB = load_rule(rule).inference_gate(logits_PMB)
    torch.testing.assert_close(p_PMB.sum(1), torch.ones_like(p_PMB[:, 0]))
    y_PCB = load_rule(rule).answer(p_PMB, outputs_PMCB)
    for model, experts in enumerate(EXPERTS):
        p_BM = inference_gate(logits_PMB[model, :experts].t(), rule.kind, rule.k)
        torch.testing.assert_close(p_PMB[model, :experts].t(), p_BM)
        assert not p_PMB[model, experts:].any()
        for sample in range(BATCH):
            answer_C = answer(p_BM[sample], outputs_PMCB[model, :experts, :, sample], rule.kind)
            torch.testing.assert_close(y_PCB[model, :, sample], answer_C)


@each_rule
def test_a_rule_of_one_expert_evaluates_one(rule: OutputRule) -> None:
    evaluated_PB = (load_rule(rule).inference_gate(drawn()[0]) > 0).sum(1)
    assert rule.one_expert == bool((evaluated_PB == 1).all())


def test_keeping_every_expert_is_the_mixture() -> None:
    logits_PMB, outputs_PMCB, label_B = drawn()
    every, mixture = OutputRule("top_k", max(EXPERTS)), OutputRule("mixture")
    torch.testing.assert_close(
        load_rule(every).losses(logits_PMB, outputs_PMCB, label_B),
        load_rule(mixture).losses(logits_PMB, outputs_PMCB, label_B),
    )


def test_the_stochastic_loss_weighs_square_roots() -> None:
    p, right = (0.25, 0.75), (0.09, 0.64)
    logits_PMB = torch.tensor(p).log()[None, :, None]
    outputs_PMCB = torch.tensor([[o, 1 - o] for o in right])[None, :, :, None]
    loss = load_rule(OutputRule("stochastic")).losses(logits_PMB, outputs_PMCB, torch.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(0.25 * 0.3 + 0.75 * 0.8), abs=1e-5)


@each_rule
def test_losses_stay_finite_where_the_true_class_gets_nothing(rule: OutputRule) -> None:
    logits_PMB = torch.zeros(1, 3, 1, requires_grad=True)
    outputs_PMCB = torch.tensor([1.0, 0.0]).expand(1, 3, 2).unsqueeze(3).requires_grad_()
    loss = load_rule(rule).losses(logits_PMB, outputs_PMCB, torch.tensor([1])).sum()
    gradients = torch.autograd.grad(loss, (logits_PMB, outputs_PMCB))
    assert all(tensor.isfinite().all() for tensor in (loss, *gradients))
