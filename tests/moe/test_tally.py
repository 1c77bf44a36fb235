"""DecompositionTally of ragged populations against a loop over samples.

Shape suffixes: P model, M expert, C true class, K predicted class, B sample.
"""

import math

import pytest
import torch
from support.reference_model import inference_gate, rule_losses
from torch import Tensor

from moe_search.moe.architecture import OutputRule
from moe_search.moe.decomposition import Decomposition
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.outputs.base import load_rule
from moe_search.moe.tally import DecompositionTally

EXPERTS, CLASSES = (3, 7, 1), 4
BATCHES = (20, 1, 9)
RULES = [
    OutputRule("mixture"),
    OutputRule("stochastic"),
    OutputRule("top_k", 1),
    OutputRule("top_k", 2),
]

Batch = tuple[Tensor, Tensor, Tensor]


def drawn(dtype: torch.dtype = torch.float64) -> list[Batch]:
    random = torch.Generator().manual_seed(0)
    batches = []
    for samples in BATCHES:
        logits_PMB = torch.randn(len(EXPERTS), max(EXPERTS), samples, generator=random).to(dtype)
        for model, experts in enumerate(EXPERTS):
            logits_PMB[model, experts:] = -torch.inf
        scores = torch.randn(*logits_PMB.shape[:2], CLASSES, samples, generator=random).to(dtype)
        label_B = torch.randint(CLASSES - 1, (samples,), generator=random)
        batches.append((logits_PMB, scores.softmax(2), label_B))
    return batches


def counted(
    batches: list[Batch], experts: tuple[int, ...], rule: OutputRule
) -> list[Decomposition]:
    tables = DecompositionTally(ExpertAxis(experts), CLASSES, load_rule(rule))
    for batch in batches:
        tables.add(*batch)
    return tables.decompositions()


def alone(batches: list[Batch], model: int) -> list[Batch]:
    """What one model said."""
    own = slice(model, model + 1), slice(0, EXPERTS[model])
    return [(logits[own], outputs[own], label_B) for logits, outputs, label_B in batches]


@pytest.mark.parametrize("model", range(len(EXPERTS)))
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_tables_hold_what_a_loop_over_samples_counts(rule: OutputRule, model: int) -> None:
    M = EXPERTS[model]
    soft_CM, hard_CM = torch.zeros(2, CLASSES, M, dtype=torch.float64)
    chosen_MK = torch.zeros(M, CLASSES)
    confusion_MCK, model_CK = torch.zeros(M, CLASSES, CLASSES), torch.zeros(CLASSES, CLASSES)
    entropies, losses = [], []
    for logits_1MB, outputs_1MCB, label_B in alone(drawn(), model):
        logits_BM, outputs_BMC = logits_1MB[0].t(), outputs_1MCB[0].permute(2, 0, 1)
        p_BM = inference_gate(logits_BM, rule.kind, rule.k)
        losses += rule_losses(logits_BM, outputs_BMC, label_B, rule.kind, rule.k).tolist()
        for p_M, outputs_MC, label in zip(p_BM, outputs_BMC, label_B.tolist(), strict=True):
            best = int(p_M.argmax())
            answer_C = torch.stack([p_M[e] * outputs_MC[e] for e in range(M)]).sum(0)
            hard_CM[label, best] += 1
            chosen_MK[best, int(outputs_MC[best].argmax())] += 1
            model_CK[label, int(answer_C.argmax())] += 1
            for e in range(M):
                soft_CM[label, e] += p_M[e]
                confusion_MCK[e, label, int(outputs_MC[e].argmax())] += 1
            entropies.append(sum(-p * math.log2(p) for p in p_M.tolist() if p > 0))
    found = counted(drawn(), EXPERTS, rule)[model]
    assert found.soft_CM == pytest.approx(soft_CM.numpy())
    assert (found.hard_CM == hard_CM.numpy()).all()
    assert (found.chosen_MK == chosen_MK.numpy()).all()
    assert (found.confusion_MCK == confusion_MCK.numpy()).all()
    assert (found.model_CK == model_CK.numpy()).all()
    assert found.sample_entropy == pytest.approx(sum(entropies) / sum(BATCHES))
    assert found.loss == pytest.approx(sum(losses) / sum(BATCHES))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_metrics_have_the_same_bits_in_any_company(rule: OutputRule) -> None:
    batches = drawn(torch.float32)
    for model, together in enumerate(counted(batches, EXPERTS, rule)):
        if rule.kind == "top_k" and rule.k > EXPERTS[model]:
            continue
        (single,) = counted(alone(batches, model), EXPERTS[model : model + 1], rule)
        assert single.metrics() == together.metrics()
        assert (single.soft_CM == together.soft_CM).all()
