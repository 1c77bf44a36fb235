"""Gate logits of ragged models, and a term's value and gradient against those of one model alone.

Shape suffixes: P model, N expert of any model, M expert within its model, B sample, F feature,
D width of the hidden representation.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from moe_search.moe.architecture import Architecture, OutputRule
from moe_search.moe.build import build
from moe_search.moe.gates.base import ExpertOutputs
from moe_search.moe.gates.noisy import NoisyGate, NoisyScores
from moe_search.moe.outputs.base import load_rule
from moe_search.moe.terms.base import Answers
from moe_search.spec import PRESETS

EXPERTS = (5, 2, 3, 1)
EXPERTS_P = torch.tensor(EXPERTS)
MEANS_P = torch.zeros(len(EXPERTS), dtype=torch.bool)
FEATURES, BATCH, WIDTH = 6, 9, 4
TOP_1 = OutputRule("top_k", 1)


def drawn(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Gate logits of ragged models, and a batch of samples [F, B]."""
    random = torch.Generator().manual_seed(0)
    logits_PMB = torch.randn(len(EXPERTS), max(EXPERTS), BATCH, generator=random, dtype=dtype)
    for model, experts in enumerate(EXPERTS):
        logits_PMB[model, experts:] = -torch.inf
    x_FB = torch.randn(FEATURES, BATCH, generator=random, dtype=dtype)
    return logits_PMB.requires_grad_(), x_FB


def answers(
    logits_PMB: Tensor, experts: Sequence[int] = EXPERTS, seeds: Sequence[int] = (0, 1, 2, 3)
) -> Answers:
    """What models make of a batch: those logits, and representations that follow from their seeds.

    A sample is sent to one expert.
    """
    shared = Architecture(PRESETS["mlp"], (FEATURES,), 3, "noisy", TOP_1)
    mixtures = build(shared, experts, [1.0] * len(experts)).to(logits_PMB.dtype)
    hidden = []
    for model, (count, seed) in enumerate(zip(experts, seeds, strict=True)):
        random = Generator().manual_seed(seed)
        mixtures.initialise(model, random)
        hidden.append(torch.randn(count, WIDTH, BATCH, generator=random, dtype=logits_PMB.dtype))
    hidden_NDB = torch.cat(hidden).requires_grad_()
    said = ExpertOutputs(hidden_NDB, mixtures.axis.fold(hidden_NDB).softmax(2))
    assert isinstance(mixtures.gate, NoisyGate)
    mixtures.gate.scores = noisy_scores(logits_PMB)
    return Answers(logits_PMB, said, mixtures.gate, load_rule(TOP_1))


def noisy_scores(logits: Tensor) -> NoisyScores:
    """Scores whose noisy logits are those."""
    return NoisyScores(0.8 * logits, 0.6 + 0.3 * logits.detach().nan_to_num().cos(), logits)


def alone(logits_PMB: Tensor, model: int) -> Tensor:
    """One model's logits [B, M] as a leaf of its own."""
    return logits_PMB.detach()[model, : EXPERTS[model]].t().clone().requires_grad_()


def assert_same(
    found_P: Tensor, logits_PMB: Tensor, model: int, expected: Tensor, logits_BM: Tensor
) -> None:
    """In value and gradient; the gradient of logits, as p is bound to sum to 1."""
    torch.testing.assert_close(found_P[model], expected)
    (ours_PMB,) = torch.autograd.grad(found_P[model], logits_PMB)
    (theirs_BM,) = torch.autograd.grad(expected, logits_BM)
    torch.testing.assert_close(ours_PMB[model, : EXPERTS[model]].t(), theirs_BM)
    others = [other for other in range(len(EXPERTS)) if other != model]
    assert not ours_PMB[others].any()
    assert not ours_PMB[model, EXPERTS[model] :].any()
