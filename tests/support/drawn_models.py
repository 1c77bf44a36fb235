"""Models with weights of their start, for tests of what is asked of a model."""

from typing import Any

import torch

from moe_search.moe.architecture import Architecture, OutputRule, State
from moe_search.moe.mixtures import Mixtures
from moe_search.package.classifier import Classifier
from moe_search.spec import PRESETS

GREY, RGB = (1, 8, 8), (3, 12, 10)


def drawn_weights(architecture: Architecture, experts: int, seed: int) -> State:
    """What a model of so many experts starts from."""
    mixtures = Mixtures(architecture, [experts], [1.0])
    mixtures.initialise(0, torch.Generator().manual_seed(seed))
    return mixtures.state_of(0)


def classifier(shape: tuple[int, ...], gate: Any = "original") -> Classifier:
    """Two experts and the classes a, b and c."""
    backbone = PRESETS["mlp"]
    rule = OutputRule("mixture")
    mixtures = Mixtures(Architecture(backbone, shape, 3, gate, rule), [2], [1.0])
    mixtures.initialise(0, torch.Generator().manual_seed(0))
    ones = [1.0] * shape[0]
    return (
        Classifier(mixtures, [0.0] * shape[0], ones, ["a", "b", "c"]).eval().requires_grad_(False)
    )
