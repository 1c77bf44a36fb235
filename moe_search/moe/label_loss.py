"""The output rule's loss on the labels of a batch, smoothed and weighted by class.

Shape suffixes: P model, M expert, C class, B sample, N training sample.
"""

import torch
from torch import Tensor

from moe_search.moe.outputs.base import Rule


class LabelLoss:
    """Each model's mean loss on a batch.

    With l_i(c) the rule's loss of sample i were c its class, y_i its class, s the model's smoothing
    and w its class weights:
    sum_i [(1 - s) w_{y_i} l_i(y_i) + s / C sum_c w_c l_i(c)] / sum_i w_{y_i}.
    Source: torch's ``cross_entropy`` with ``label_smoothing`` and ``weight``, which it is where
    l_i(c) is the negative logarithm of a probability. Label smoothing: arXiv 1512.00567.

    Args:
        rule: of all models.
        smoothing_P: s of each model, where one is above 0.
        weight_PC: w of each model, where one has any.
    """

    def __init__(
        self, rule: Rule, smoothing_P: Tensor | None = None, weight_PC: Tensor | None = None
    ) -> None:
        self._rule = rule
        self._smoothing_P = smoothing_P
        self._weight_PC = weight_PC

    def __call__(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        """Each model's loss, [P]; arguments as those of ``Rule.losses``.

        What a model does without is multiplied by 1 or added times 0, so that no bit of it depends
        on what others do.
        """
        loss_PB = self._rule.losses(logits_PMB, outputs_PMCB, label_B)
        weight_PB = None if self._weight_PC is None else self._weight_PC[:, label_B]
        if weight_PB is not None:
            loss_PB = weight_PB * loss_PB
        if self._smoothing_P is not None:
            smoothing_P1 = self._smoothing_P.unsqueeze(1)
            uniform_PB = self._uniform(self._rule.class_losses(logits_PMB, outputs_PMCB))
            loss_PB = (1 - smoothing_P1) * loss_PB + smoothing_P1 * uniform_PB
        loss_P = loss_PB.mean(1)
        return loss_P if weight_PB is None else loss_P / weight_PB.mean(1)

    def _uniform(self, loss_PCB: Tensor) -> Tensor:
        """The mean over classes, each times its weight, [P, B]."""
        if self._weight_PC is not None:
            loss_PCB = self._weight_PC.unsqueeze(2) * loss_PCB
        return loss_PCB.mean(1)


def balanced(label_N: Tensor, classes: int) -> Tensor:
    """Weights [C] by which every class counts as much as another: N / (C n_c).

    Those of scikit-learn's ``class_weight="balanced"``; 0 for a class without samples.
    """
    count_C = torch.bincount(label_N, minlength=classes)
    weight_C = len(label_N) / (classes * count_C.clamp(min=1))
    return torch.where(count_C > 0, weight_C, 0.0).to(torch.get_default_dtype())
