"""The noisy gate.

Shape suffixes: P model, M expert within its model, B sample, D width of the hidden representation.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from moe_search.moe.architecture import Architecture
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.base import ExpertOutputs
from moe_search.moe.gates.original import OriginalGate
from moe_search.moe.layers.base import Weighted
from moe_search.ops.invariant import rowwise_product

_LEAST = 0.01  # of a scale, as in the authors' code


class NoisyScores(NamedTuple):
    """What a noisy gate said of a batch in training: noisy = clean + n scale, n of N(0, 1)."""

    clean_PMB: Tensor
    scale_PMB: Tensor
    noisy_PMB: Tensor


class NoisyGate(OriginalGate):
    """The original gate with noise in training, whose scale it learns.

    z = W h + b + n softplus(W_noise h), n of N(0, 1) for each sample and expert, h the gate's
    representation after its ReLU; at inference z = W h + b. With the rule ``top_k`` it is the noisy
    top-k gate of Shazeer et al. (arXiv 1701.06538), which has no network before W and no bias, and
    starts from zeros: here all is drawn as torch draws it.

    Attributes:
        scores: what it last said in training.
    """

    per_expert = ("head.", "noise.")
    scores: NoisyScores

    def __init__(self, architecture: Architecture, axis: ExpertAxis, fused: bool) -> None:
        super().__init__(architecture, axis, fused)
        width = self.body.width
        self.noise = Weighted(sum(axis.experts), (width,), width, bias=False)

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Logits [P, M, B]; what the experts say is not looked at."""
        hidden_PDB = self.body(x)
        clean_PMB = self.outputs(hidden_PDB)
        if not self.training:
            return clean_PMB
        raw_PMB = rowwise_product(self.axis.fold(self.noise.weight), hidden_PDB.relu())
        scale_PMB = _LEAST - F.logsigmoid(-raw_PMB)  # softplus, whose own kernel rounds by place
        noisy_PMB = clean_PMB + self._drawn(clean_PMB) * scale_PMB
        self.scores = NoisyScores(clean_PMB, scale_PMB, noisy_PMB)
        return noisy_PMB

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the network, the outputs, the scales."""
        super().initialise(model, generator)
        for expert in self.axis.experts_of(model):
            self.noise.initialise(expert, generator)

    def _drawn(self, like_PMB: Tensor) -> Tensor:
        """Noise [M, B], the same for all models; 0 where there is nothing to draw it from."""
        samples = like_PMB.shape[2]
        if not self.random:
            return like_PMB.new_zeros(like_PMB.shape[1:])
        drawn = [torch.randn(samples, generator=source) for source in self.random]
        return torch.stack(drawn).to(like_PMB)
