"""What models do on a split of the data.

Shape suffixes: P model, M expert, C class, B sample.
"""

import torch

from moe_search.engine.resident import Tensors, samples_last
from moe_search.moe.decomposition import Decomposition
from moe_search.moe.mixtures import Mixtures
from moe_search.moe.tally import DecompositionTally

_IMAGES, _VECTORS = 512, 1024
"""Samples at a time: of vectors many, for the calls take longer than the arithmetic.

It depends on nothing else, so that no bit of a model does on its company.
"""


@torch.no_grad()
def evaluate(mixtures: Mixtures, split: Tensors) -> list[Decomposition]:
    """The decomposition of each model on a split; leaves them in evaluation mode."""
    mixtures.eval()
    architecture = mixtures.architecture
    tally = DecompositionTally(mixtures.axis, architecture.classes, mixtures.rule())
    size = _VECTORS if len(split.x.shape) == 2 else _IMAGES
    for start in range(0, len(split.y), size):
        batch = slice(start, start + size)
        logits_PMB, outputs_PMCB = mixtures(samples_last(split.x[batch]))
        tally.add(logits_PMB, outputs_PMCB, split.y[batch])
    return tally.decompositions()
