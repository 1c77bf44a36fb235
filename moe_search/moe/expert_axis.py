"""Which expert belongs to which model of a population.

Shape suffixes: P model of the population, N expert of any model, M expert within its model.

Experts of all models lie on one axis N, ragged. Where something is computed across a model's
experts (a softmax, a mixture), that axis is folded to [P, M], M being the largest expert count,
and places without an expert are masked.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ExpertAxis(nn.Module):
    """Maps between the ragged expert axis and [model, expert].

    Args:
        experts: expert count of each model.
    """

    index_PM: Tensor
    present_PM: Tensor
    experts_P: Tensor

    def __init__(self, experts: Sequence[int]) -> None:
        super().__init__()
        counts_P = torch.tensor(experts)
        starts_P = counts_P.cumsum(0) - counts_P
        present_PM = torch.arange(max(experts)) < counts_P[:, None]
        # an absent place repeats an expert of its own model: what is not finite stays in its model
        index_PM = starts_P[:, None] + torch.where(present_PM, torch.arange(max(experts)), 0)
        self.register_buffer("index_PM", index_PM, persistent=False)
        self.register_buffer("present_PM", present_PM, persistent=False)
        self.register_buffer("experts_P", counts_P, persistent=False)
        self.starts = starts_P.tolist()
        self.experts = tuple(experts)
        self.uniform = bool(present_PM.all())

    @property
    def models(self) -> int:
        """Number of models P."""
        return len(self.experts)

    def experts_of(self, model: int) -> range:
        """The experts of one model on the ragged axis."""
        start = self.starts[model]
        return range(start, start + self.experts[model])

    def rows(self, model: int) -> slice:
        """The same as a slice."""
        experts = self.experts_of(model)
        return slice(experts.start, experts.stop)

    def fold(self, x_N: Tensor) -> Tensor:
        """[N, ...] -> [P, M, ...]; places without an expert repeat the model's first."""
        if self.uniform:
            return x_N.view(self.models, -1, *x_N.shape[1:])
        return x_N[self.index_PM]

    def unfold(self, x_PM: Tensor) -> Tensor:
        """[P, M, ...] -> [N, ...], without the places that have no expert."""
        return x_PM.flatten(0, 1) if self.uniform else x_PM[self.present_PM]

    def mask(self, logits_PMB: Tensor) -> Tensor:
        """Minus infinity where there is no expert."""
        if self.uniform:
            return logits_PMB
        return logits_PMB.masked_fill(~self.present_PM[:, :, None], -torch.inf)
