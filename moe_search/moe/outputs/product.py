"""The product of the experts' probabilities.

Shape suffixes: P model, M expert, C class, B sample.
"""

from torch import Tensor

from moe_search.moe.outputs.base import Rule, of_label
from moe_search.ops.invariant import sum_over_experts

_SMALLEST = 1e-30  # keeps logarithms finite where no loss is to be bounded


class Product(Rule):
    """y = softmax(sum_e p_e log o_e), the experts' probabilities multiplied; loss -log y[label].

    Where they are softmaxes of logits, it is the softmax of the mean logits.
    """

    def answer(self, p_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        return _log_product(p_PMB, outputs_PMCB).exp()

    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        loss_P1CB = self.class_losses(logits_PMB, outputs_PMCB).unsqueeze(1)
        return of_label(loss_P1CB, label_B).squeeze(1)

    def class_losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        return -_log_product(self.distribution(logits_PMB), outputs_PMCB)


def _log_product(p_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
    """Logarithm of the experts' normalised product, [P, C, B]."""
    log_PMCB = outputs_PMCB.clamp(min=_SMALLEST).log()
    return sum_over_experts(p_PMB.unsqueeze(2) * log_PMCB).log_softmax(1)
