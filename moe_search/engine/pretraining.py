"""Experts that learn while there is no gate.

Shape suffixes: P model, M expert, C class, B sample.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from moe_search.engine.seeds import Stream, generator
from moe_search.engine.stages import Stage
from moe_search.engine.trial import TrialSpec
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.pretraining import chosen_loss, peeking
from moe_search.spec.class_groups import owners


class Pretraining:
    """Decides which expert of each model of a population learns from a sample.

    Args:
        stage: with a pretraining.
        specs: the population's trials.
        mixtures: its models.
    """

    def __init__(self, stage: Stage, specs: Sequence[TrialSpec], mixtures: Mixtures) -> None:
        self._present_PM = mixtures.axis.present_PM
        self._seed = specs[0].seed
        self._noise: list[torch.Generator] = []
        self._owner_PC: Tensor | None = None
        if stage.pretraining == "class_groups":
            classes = mixtures.architecture.classes
            owner_PC = [
                owners(spec.configuration.training.class_groups, classes, experts)
                for spec, experts in zip(specs, mixtures.axis.experts, strict=True)
            ]
            self._owner_PC = torch.tensor(owner_PC, device=self._present_PM.device)

    def begin_epoch(self, epoch: int) -> None:
        """Draw the noise of an epoch; an expert's does not depend on how many there are."""
        self._noise = [
            generator(self._seed, Stream.PEEKING, epoch, expert)
            for expert in range(self._present_PM.shape[1])
        ]

    def losses(self, outputs_PMCB: Tensor, label_B: Tensor) -> Tensor:
        """Each model's training loss on a batch, [P]."""
        if self._owner_PC is not None:
            chosen_PB = self._owner_PC[:, label_B]
        else:
            chosen_PB = peeking(outputs_PMCB, label_B, self._drawn(len(label_B)))
        return chosen_loss(outputs_PMCB, label_B, chosen_PB).mean(1)

    def _drawn(self, samples: int) -> Tensor:
        noise_MB = torch.stack([torch.randn(samples, generator=noise) for noise in self._noise])
        absent_PM1 = ~self._present_PM.unsqueeze(2)
        return noise_MB.to(self._present_PM.device).masked_fill(absent_PM1, torch.inf)
