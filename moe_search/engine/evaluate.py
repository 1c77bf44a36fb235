"""What models do on a split of the data.

Shape suffixes: P model, M expert, C class, B sample.
"""

import torch

from moe_search.engine.resident import Tensors, samples_last
from moe_search.moe.decomposition import Decomposition
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.tally import DecompositionTally

_BATCH = 512


@torch.no_grad()
def evaluate(mixtures: Mixtures, split: Tensors) -> list[Decomposition]:
    """The decomposition of each model on a split; leaves them in evaluation mode."""
    mixtures.eval()
    architecture = mixtures.architecture
    tally = DecompositionTally(mixtures.axis, architecture.classes, mixtures.rule())
    for start in range(0, len(split.y), _BATCH):
        batch = slice(start, start + _BATCH)
        logits_PMB, outputs_PMCB = mixtures(samples_last(split.x[batch]))
        tally.add(logits_PMB, outputs_PMCB, split.y[batch])
    return tally.decompositions()
