"""What every output rule has.

Shape suffixes: P model, M expert, C class, B sample.

o_e(x) are class probabilities (after softmax), p(e|x) gate probabilities. Formulas from the code
of the authors of arXiv 2302.14703.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from moe_search.moe.architecture import OutputRule
from moe_search.ops.invariant import sum_over_experts
from moe_search.spec.kinds.outputs import OUTPUTS

EPSILON = 1e-7  # keeps logarithms of probabilities finite, as in the authors' code
TINY = 1e-15


Bias = Callable[[], Tensor]


class Rule:
    """How the gate's distribution and the experts' outputs become the model's.

    Args:
        rule: its name and numbers.
        bias: gives the bias [P, M] of each expert for a rule that is ``biased``.
    """

    def __init__(self, rule: OutputRule, bias: Bias | None = None) -> None:
        self.rule = rule
        self.bias = bias

    def distribution(self, logits_PMB: Tensor) -> Tensor:
        """p(e|x) with which experts and gate learn, [P, M, B]."""
        return logits_PMB.softmax(1)

    def ranked(self, logits_PMB: Tensor) -> Tensor:
        """What is largest for the expert that is chosen first, [P, M, B]."""
        return logits_PMB

    def chosen(self, logits_PMB: Tensor) -> Tensor:
        """Whether a sample is sent to an expert, [P, M, B]: to all, where the rule chooses none."""
        if self.rule.one_expert:
            best_P1B = self.ranked(logits_PMB).argmax(1, keepdim=True)
            return torch.zeros_like(logits_PMB, dtype=torch.bool).scatter_(1, best_P1B, True)
        return ~logits_PMB.isneginf()

    def inference_gate(self, logits_PMB: Tensor) -> Tensor:
        """The distribution over experts that inference uses, [P, M, B]."""
        if self.rule.one_expert:
            return self.chosen(logits_PMB).to(logits_PMB.dtype)
        return self.distribution(logits_PMB)

    def answer(self, p_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        """The model's class probabilities [P, C, B], by the distribution that inference uses."""
        return sum_over_experts(p_PMB.unsqueeze(2) * outputs_PMCB)

    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        """Training loss of each sample in nats, [P, B], without regularizers.

        Here of a rule by which the loss of a class follows from what experts give to it alone.

        Args:
            logits_PMB: of the gate over temperature; minus infinity where there is no expert.
            outputs_PMCB: the experts' class probabilities.
            label_B: true classes.
        """
        right_PM1B = of_label(outputs_PMCB, label_B).unsqueeze(2)
        return self.class_losses(logits_PMB, right_PM1B).squeeze(1)

    def class_losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        """The loss of each sample were a class the true one, [P, C, B]; see ``losses``."""
        raise NotImplementedError


def load_rule(rule: OutputRule, bias: Bias | None = None) -> Rule:
    """The rule of a name; arguments as those of ``Rule``.

    Raises:
        MemberError: nothing makes it.
    """
    return OUTPUTS[rule.kind].load_class(Rule)(rule, bias)


def of_label(outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
    """What each expert gives to the true class, [P, M, B]."""
    models, experts, _, samples = outputs_PMCB.shape
    return outputs_PMCB.gather(2, label_B.expand(models, experts, 1, samples)).squeeze(2)
