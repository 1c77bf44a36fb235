"""The loudest gate.

Shape suffixes: P model, M expert within its model, C class, B sample.
"""

import math

import torch
from torch import Tensor

from moe_search.moe.gates.base import ExpertOutputs, Gate


class LoudestGate(Gate):
    """No network: the surer an expert is of its own answer, the more it gets.

    logit_e = -H(o_e(x)), the entropy in bits of the expert's class probabilities, which are taken
    as given: the gate passes no gradient to them. It needs no labels. Source: the no-gate training
    by entropy of arXiv 2302.14703's authors, who train it by the stochastic rule's loss with the
    gate temperature lowered in four quarters.
    """

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Logits [P, M, B] from the experts' class probabilities."""
        assert experts is not None, "the loudest expert is found among answers"
        outputs_PMCB = experts.outputs_PMCB.detach()
        bits_PMB = -torch.special.xlogy(outputs_PMCB, outputs_PMCB).sum(2) / math.log(2)
        return self.axis.mask(-bits_PMB)
