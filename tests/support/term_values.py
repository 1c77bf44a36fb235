"""Gate logits of ragged models, and a term's value and gradient against those of one model alone.

Shape suffixes: P model, M expert, B sample, F feature.
"""

import torch
from torch import Tensor

EXPERTS = (5, 2, 3, 1)
EXPERTS_P = torch.tensor(EXPERTS)
MEANS_P = torch.zeros(len(EXPERTS), dtype=torch.bool)
FEATURES, BATCH = 6, 9


def drawn(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Gate logits of ragged models, and a batch of samples [F, B]."""
    random = torch.Generator().manual_seed(0)
    logits_PMB = torch.randn(len(EXPERTS), max(EXPERTS), BATCH, generator=random, dtype=dtype)
    for model, experts in enumerate(EXPERTS):
        logits_PMB[model, experts:] = -torch.inf
    x_FB = torch.randn(FEATURES, BATCH, generator=random, dtype=dtype)
    return logits_PMB.requires_grad_(), x_FB


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
