"""The mean of the most probable experts' probabilities.

Shape suffixes: P model, M expert, K expert of the chosen ones, C class, B sample.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_search.moe.outputs.base import EPSILON, of_label
from moe_search.moe.outputs.mixture import Mixture


class TopK(Mixture):
    """The k most probable experts, their probabilities rescaled to sum to 1, mixed.

    For k = 1 rescaling would leave the gate without a gradient, so training follows the authors:
    the loss is -log(softmax_c(p_e o_e[c])[label] + 1e-7) of the most probable expert e; inference
    takes that expert's o_e.

    Where the rule is biased, the k experts with the largest p_e + b_e are chosen; what each gets
    follows from p alone. Source: arXiv 2408.15664 and DeepSeek-V3, which adds the bias to sigmoids
    before they are normalised.
    """

    def ranked(self, logits_PMB: Tensor) -> Tensor:
        """The logits; or p(e|x) and the bias, where there is one."""
        if self.bias is None:
            return logits_PMB
        ranked_PMB = logits_PMB.softmax(1) + self.bias()[:, :, None]
        return ranked_PMB.masked_fill(logits_PMB.isneginf(), -torch.inf)

    def chosen(self, logits_PMB: Tensor) -> Tensor:
        """Whether an expert is among the k of a sample, [P, M, B]."""
        if self.rule.one_expert:
            return super().chosen(logits_PMB)
        left_PMB = self.ranked(logits_PMB.detach()).clone()
        chosen_PMB = torch.zeros_like(left_PMB, dtype=torch.bool)
        for _ in range(self.rule.k):
            # the first of equals; ``topk`` takes others, depending on how many experts there are
            best_P1B = left_PMB.max(1, keepdim=True).indices
            chosen_PMB.scatter_(1, best_P1B, True)
            left_PMB.scatter_(1, best_P1B, -torch.inf)
        return chosen_PMB

    def distribution(self, logits_PMB: Tensor) -> Tensor:
        """p(e|x) of the chosen experts, 0 of the others, [P, M, B]."""
        return logits_PMB.masked_fill(~self.chosen(logits_PMB), -torch.inf).softmax(1)

    def losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        if self.rule.k > 1:
            return super().losses(logits_PMB, outputs_PMCB, label_B)
        answer_P1CB = self._answer_of_best(logits_PMB, outputs_PMCB)
        return -(of_label(answer_P1CB, label_B).squeeze(1) + EPSILON).log()

    def class_losses(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        if self.rule.k > 1:
            return super().class_losses(logits_PMB, outputs_PMCB)
        return -(self._answer_of_best(logits_PMB, outputs_PMCB).squeeze(1) + EPSILON).log()

    def _answer_of_best(self, logits_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
        """What is trained where k = 1: softmax_c(p_e o_e[c]) of the first expert, [P, 1, C, B]."""
        p_PMB = logits_PMB.softmax(1)
        ranked_PMB = p_PMB if self.bias is None else self.ranked(logits_PMB)
        best_P1B = ranked_PMB.max(1, keepdim=True).indices
        p_P1B = p_PMB.gather(1, best_P1B)
        index_P1CB = best_P1B.unsqueeze(2).expand(-1, -1, outputs_PMCB.shape[2], -1)
        return F.softmax(p_P1B.unsqueeze(2) * outputs_PMCB.gather(1, index_P1CB), 2)
