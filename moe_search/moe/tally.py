"""Counts the decomposition of a population over a split, batch by batch, without leaving torch.

Shape suffixes: P model, M expert, C true class, K predicted class (as many as C), B sample.
"""

import numpy as np
import torch
from torch import Tensor

from moe_search.moe.decomposition import Decomposition
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.outputs.base import Rule
from moe_search.ops.invariant import rowwise_product, sum_over_experts


class DecompositionTally:
    """Running tables of the decomposition of every model of a population.

    Args:
        axis: the population's experts.
        classes: number of classes C.
        rule: decides the gate distribution at inference, the model's output and the loss.
    """

    def __init__(self, axis: ExpertAxis, classes: int, rule: Rule) -> None:
        models, experts = axis.present_PM.shape
        device = axis.present_PM.device
        self._axis = axis
        self._rule = rule
        self._classes = classes
        self._samples = 0

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(models, *shape, dtype=torch.float64, device=device)

        self._soft_PMC = zeros(experts, classes)
        self._hard_PMC = zeros(experts, classes)
        self._chosen_PMK = zeros(experts, classes)
        self._confusion_PMCK = zeros(experts, classes, classes)
        self._model_PCK = zeros(classes, classes)
        self._entropy_P = zeros()
        self._loss_P = zeros()

    def add(self, logits_PMB: Tensor, outputs_PMCB: Tensor, label_B: Tensor) -> None:
        """Count one batch: gate logits over temperature, class probabilities, true classes."""
        p_PMB = self._rule.inference_gate(logits_PMB)
        models, experts, samples = p_PMB.shape
        predicted_PMB = outputs_PMCB.max(2).indices  # ten times as fast as argmax on a CPU
        best_P1B = p_PMB.max(1, keepdim=True).indices
        chosen_PB = predicted_PMB.gather(1, best_P1B).squeeze(1)
        model_PB = self._rule.answer(p_PMB, outputs_PMCB).max(1).indices
        expert_PMB = torch.arange(experts, device=p_PMB.device)[:, None].expand_as(p_PMB)
        label_PB = label_B.expand(models, -1)
        label_BC = torch.nn.functional.one_hot(label_B, self._classes).to(p_PMB.dtype)

        self._samples += samples
        self._soft_PMC += rowwise_product(p_PMB, label_BC)
        _count(self._hard_PMC, best_P1B.squeeze(1), label_PB)
        _count(self._chosen_PMK, best_P1B.squeeze(1), chosen_PB)
        _count(self._confusion_PMCK, expert_PMB, label_B.expand_as(p_PMB), predicted_PMB)
        _count(self._model_PCK, label_PB, model_PB)
        self._entropy_P -= sum_over_experts(torch.special.xlogy(p_PMB, p_PMB).sum(2)) / np.log(2)
        self._loss_P += self._rule.losses(logits_PMB, outputs_PMCB, label_B).sum(1)

    def decompositions(self) -> list[Decomposition]:
        """One for each model, over all that was added."""
        return [
            Decomposition(
                soft_CM=self._soft_PMC[model, :experts].t().cpu().numpy(),
                hard_CM=self._hard_PMC[model, :experts].t().cpu().numpy(),
                chosen_MK=self._chosen_PMK[model, :experts].cpu().numpy(),
                confusion_MCK=self._confusion_PMCK[model, :experts].cpu().numpy(),
                model_CK=self._model_PCK[model].cpu().numpy(),
                sample_entropy=self._entropy_P[model].item() / self._samples,
                loss=self._loss_P[model].item() / self._samples,
            )
            for model, experts in enumerate(self._axis.experts)
        ]


def _count(table: Tensor, *coordinates: Tensor) -> None:
    """Add 1 at [model, coordinates...] for each sample; coordinates are [P, ...] alike."""
    models = table.shape[0]
    index = torch.arange(models, device=table.device).view(models, *[1] * (coordinates[0].ndim - 1))
    for size, coordinate in zip(table.shape[1:], coordinates, strict=True):
        index = index * size + coordinate
    table += torch.bincount(index.flatten(), minlength=table.numel()).view(table.shape)
