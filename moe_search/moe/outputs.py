"""Output rules: how the gate's distribution and the experts' outputs become the model's.

Shape suffixes: P model, M expert, C class, B sample.

o_e(x) are class probabilities (after softmax), p(e|x) gate probabilities. Formulas from the code
of the authors of arXiv 2302.14703.

mixture: y = sum_e p_e o_e; loss -log(y[label] + 1e-7).

stochastic: one expert answers, drawn by p in training; the loss is Jacobs' competitive one,
-log sum_e p_e exp(-l_e / 2) with l_e = -log(o_e[label] + 1e-7). Inference takes the most
probable expert.

top_k: the k most probable experts, their probabilities rescaled to sum to 1, mixed as above.
For k = 1 rescaling would leave the gate without a gradient, so training follows the authors:
the loss is -log(softmax_c(p_e o_e[c])[label] + 1e-7) of the most probable expert e; inference
takes that expert's o_e.

expert_loss: the gate's logits g_e predict each expert's log-probability of the label, and the
expert with the best prediction answers. The loss is -log(o_b[label] + 1e-7) of that expert b,
from which it alone learns, plus the gate's own, sum_e |g_e - log(o_e[label] + 1e-15)|, with o_e
taken as given.

product: y = softmax(sum_e p_e log o_e), the experts' probabilities multiplied; where they are
softmaxes of logits, the softmax of the mean logits. Loss -log y[label].
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moe_search.moe.architecture import OutputRule
from moe_search.ops.invariant import sum_over_experts

EPSILON = 1e-7  # keeps logarithms of probabilities finite, as in the authors' code
TINY = 1e-15
_SMALLEST = 1e-30  # keeps them finite where no loss is to be bounded


def inference_gate(rule: OutputRule, logits_PMB: Tensor) -> Tensor:
    """The distribution over experts that inference uses, [P, M, B]."""
    if rule.one_expert:
        best_P1B = logits_PMB.argmax(1, keepdim=True)
        return torch.zeros_like(logits_PMB).scatter_(1, best_P1B, 1.0)
    return _gate(rule, logits_PMB)


def answer(rule: OutputRule, p_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
    """The model's class probabilities [P, C, B], by the distribution that inference uses."""
    if rule.kind == "product":
        return _log_product(p_PMB, outputs_PMCB).exp()
    return sum_over_experts(p_PMB.unsqueeze(2) * outputs_PMCB)


def losses(rule: OutputRule, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
    """Training loss of each sample in nats, [P, B], without regularizers."""
    if rule.kind == "top_k" and rule.k == 1:
        return _top_1_loss(logits_PMB, outputs_PMCB, label_B)
    right_PMB = of_label(outputs_PMCB, label_B)
    if rule.kind == "expert_loss":
        return _expert_loss(logits_PMB, right_PMB)
    p_PMB = _gate(rule, logits_PMB)
    if rule.kind == "product":
        log_P1CB = _log_product(p_PMB, outputs_PMCB).unsqueeze(1)
        return -of_label(log_P1CB, label_B).squeeze(1)
    if rule.kind == "stochastic":
        return -(sum_over_experts(p_PMB * (right_PMB + EPSILON).sqrt()) + TINY).log()
    return -(sum_over_experts(p_PMB * right_PMB) + EPSILON).log()


def _gate(rule: OutputRule, logits_PMB: Tensor) -> Tensor:
    if rule.kind == "top_k":
        chosen_PKB = logits_PMB.topk(rule.k, dim=1).indices
        kept_PMB = torch.full_like(logits_PMB, -torch.inf)
        logits_PMB = kept_PMB.scatter(1, chosen_PKB, logits_PMB.gather(1, chosen_PKB))
    return logits_PMB.softmax(1)


def _top_1_loss(logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
    p_P1B, best_P1B = logits_PMB.softmax(1).max(1, keepdim=True)
    index_P1CB = best_P1B.unsqueeze(2).expand(-1, -1, outputs_PMCB.shape[2], -1)
    scaled_P1CB = p_P1B.unsqueeze(2) * outputs_PMCB.gather(1, index_P1CB)
    return -(of_label(F.softmax(scaled_P1CB, 2), label_B).squeeze(1) + EPSILON).log()


def _log_product(p_PMB: Tensor, outputs_PMCB: Tensor) -> Tensor:
    """Logarithm of the experts' normalised product, [P, C, B]."""
    log_PMCB = outputs_PMCB.clamp(min=_SMALLEST).log()
    return sum_over_experts(p_PMB.unsqueeze(2) * log_PMCB).log_softmax(1)


def _expert_loss(predicted_PMB: Tensor, right_PMB: Tensor) -> Tensor:
    """Loss [P, B] of the expert that answers, and of the predictions by which it was chosen."""
    best_P1B = predicted_PMB.argmax(1, keepdim=True)
    answer_PB = right_PMB.gather(1, best_P1B).squeeze(1)
    missed_PMB = (predicted_PMB - (right_PMB.detach() + TINY).log()).abs()
    there_PMB = missed_PMB.masked_fill(predicted_PMB.isneginf(), 0.0)
    return sum_over_experts(there_PMB) - (answer_PB + EPSILON).log()


def of_label(outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
    """What each expert gives to the true class, [P, M, B]."""
    models, experts, _, samples = outputs_PMCB.shape
    return outputs_PMCB.gather(2, label_B.expand(models, experts, 1, samples)).squeeze(2)
