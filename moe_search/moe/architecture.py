"""What a model is made of, and its weights, as plain data: nothing here needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from moe_search.spec.backbones import Backbone
from moe_search.spec.configuration import Gate
from moe_search.spec.kinds.layers import Conv, Layer, MaxPool, kind_of
from moe_search.spec.kinds.outputs import OUTPUTS

State = dict[str, npt.NDArray[Any]]
"""Weights of one model by name, as a population of one has them."""

RuleName = str

_FEW_CHANNELS = 4  # of an image: grey, or colour with transparency


@dataclass(frozen=True)
class OutputRule:
    """How the gate's distribution and the experts' outputs become the model's (see ``outputs``).

    Attributes:
        k: experts that ``top_k`` keeps.
    """

    kind: RuleName
    k: int = 1

    @property
    def one_expert(self) -> bool:
        """Whether inference evaluates one expert per sample."""
        top_1 = self.kind == "top_k" and self.k == 1
        return top_1 or OUTPUTS[self.kind].one_expert


@dataclass(frozen=True)
class Architecture:
    """What the models of a population have in common.

    Attributes:
        gate: None for single networks.
        slots: of each expert of a soft gate.
    """

    backbone: Backbone
    shape: tuple[int, ...]
    classes: int
    gate: Gate | None
    rule: OutputRule
    slots: int = 1


def rounds_alike(layers: Sequence[Layer], shape: tuple[int, ...]) -> bool:
    """Whether a network's numbers on a CPU are the same to the last bit beside any others.

    Convolutions after the stem are not where nothing is compiled: libraries choose their kernels by
    the number of groups.
    """
    rest = layers[3:] if has_stem(layers, shape) else layers
    return all(kind_of(layer).rounds_alike for layer in rest)


def has_stem(layers: Sequence[Layer], shape: tuple[int, ...]) -> bool:
    """Whether an image of few channels goes through a convolution, ReLU and maximum of 2x2."""
    if len(shape) != 3 or shape[0] > _FEW_CHANNELS or len(layers) < 3:
        return False
    conv, relu, pool = layers[:3]
    return isinstance(conv, Conv) and conv.bias and relu == "relu" and pool == MaxPool(max_pool=2)
