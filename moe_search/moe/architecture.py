"""What a model is made of, and its weights, as plain data: nothing here needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy.typing as npt
from pydantic import ConfigDict, Field, StrictInt

from moe_search.spec.backbones import Backbone
from moe_search.spec.base import OneOf
from moe_search.spec.configuration import Configuration, GateName
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.layers import Conv, Layer, MaxPool, Shape, each, kind_of
from moe_search.spec.kinds.outputs import OUTPUTS

State = dict[str, npt.NDArray[Any]]
"""Weights of one model by name, as a population of one has them."""

_FEW_CHANNELS = 4  # of an image: grey, or colour with transparency
_Count = Annotated[StrictInt, Field(ge=1, le=1024)]
_Size = Annotated[StrictInt, Field(ge=1, le=1_048_576)]


@dataclass(frozen=True)
class OutputRule:
    """How the gate's distribution and experts' outputs become the model's (see ``moe.outputs``).

    Attributes:
        k: experts that ``top_k`` keeps.
        biased: whether the gate has a bias of each expert for the choice of the k.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Annotated[str, OneOf(tuple(OUTPUTS))]
    k: _Count = 1
    biased: bool = False

    @property
    def one_expert(self) -> bool:
        """Whether inference evaluates one expert per sample."""
        top_1 = self.kind == "top_k" and self.k == 1
        return top_1 or OUTPUTS[self.kind].one_expert


@dataclass(frozen=True)
class Architecture:
    """What the models of a population have in common; as JSON it is a package's description.

    Attributes:
        backbone: the networks, resolved for the data.
        shape: of one sample, (C, H, W) or (F,).
        classes: how many.
        gate: None for single networks.
        rule: how the experts' outputs become the model's.
        slots: of each expert of a soft gate.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    backbone: Backbone
    shape: tuple[_Size, ...]
    classes: _Size
    gate: GateName | None
    rule: OutputRule
    slots: _Count = 1

    @classmethod
    def of(
        cls, configuration: Configuration, backbone: Backbone, shape: Shape, classes: int
    ) -> Self:
        """What the models of a configuration share with others that can train in step."""
        model = configuration.model
        if model.kind == "single":
            return cls(backbone, shape, classes, None, OutputRule("mixture"))
        gate = GATES[model.gate]
        name = gate.rule or model.output
        rule = OutputRule(name)
        if name == "top_k":
            rule = OutputRule(name, model.top_k, configuration.regularizer.bias_rate > 0)
        slots = model.slots if gate.has_slots else 1
        return cls(backbone, shape, classes, model.gate, rule, slots)

    @property
    def rounds_alike(self) -> bool:
        """Whether its networks' numbers on a CPU are the same to the last bit in any company."""
        both = (self.backbone.expert, self.backbone.gate)
        return all(rounds_alike(layers, self.shape) for layers in both)


def rounds_alike(layers: Sequence[Layer], shape: Shape) -> bool:
    """Whether a network's numbers on a CPU are the same to the last bit beside any others.

    Convolutions after the stem are not where nothing is compiled: libraries choose their kernels by
    the number of groups.
    """
    rest = layers[3:] if has_stem(layers, shape) else layers
    return all(kind_of(layer).rounds_alike for layer in each(rest))


def has_stem(layers: Sequence[Layer], shape: Shape) -> bool:
    """Whether an image of few channels goes through a convolution, ReLU and maximum of 2x2."""
    if len(shape) != 3 or shape[0] > _FEW_CHANNELS or len(layers) < 3:
        return False
    conv, relu, pool = layers[:3]
    plain = isinstance(conv, Conv) and conv.bias and conv.stride == 1
    return plain and relu == "relu" and pool == MaxPool(max_pool=2)
