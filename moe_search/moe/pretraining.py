"""Training experts before there is a gate: which of them learns from a sample, and by what loss.

Shape suffixes: P model, M expert, C class, B sample.
"""

import torch
from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, TINY, of_label


def peeking(outputs_PMCB: Tensor, label_B: Tensor, noise_PMB: Tensor) -> Tensor:
    """The expert that is least surprised by the label, up to noise, [P, B].

    argmin_e of -log2(o_e[label] + 1e-15) + n_e with n_e of N(0, 1). Source: the peeking expert
    (``no_gate_self_information``) in the code of the authors of arXiv 2302.14703, where it is the
    argmax of softmin_e((-log2(o_e[label] + 1e-15) + n_e) / T): T does not change it.

    Args:
        outputs_PMCB: the experts' class probabilities.
        label_B: true classes.
        noise_PMB: n_e; infinite where there is no expert.
    """
    surprise_PMB = -torch.log2(of_label(outputs_PMCB.detach(), label_B) + TINY)
    return (surprise_PMB + noise_PMB).argmin(1)


def chosen_loss(outputs_PMCB: Tensor, label_B: Tensor, chosen_PB: Tensor) -> Tensor:
    """Loss of the one expert that learns from each sample, -log(o[label] + 1e-7), [P, B]."""
    right_PMB = of_label(outputs_PMCB, label_B)
    return -(right_PMB.gather(1, chosen_PB.unsqueeze(1)).squeeze(1) + EPSILON).log()
