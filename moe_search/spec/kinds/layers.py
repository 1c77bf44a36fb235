"""Layers: what the networks of experts and gates are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, StrictBool, StrictInt, Tag

from moe_search.spec.base import Section
from moe_search.spec.kinds.kind import Kind, Kinds

Shape = tuple[int, ...]
"""Shape of one sample: (C, H, W) of an image, (F,) of features."""


class LayerSection(Section):
    """A layer with numbers; its first key is the one that names its kind."""

    @classmethod
    def key(cls) -> str:
        """The key that names its kind."""
        return next(iter(cls.model_fields))

    def through(self, shape: Shape) -> Shape | None:
        """Shape of one sample after it, None where it cannot take this one."""
        raise NotImplementedError


class Conv(LayerSection):
    """Square convolution, stride 1."""

    conv: StrictInt = Field(ge=1, le=65_536, description="output channels")
    kernel: StrictInt = Field(3, ge=1, le=1024, description="height and width of the kernel")
    padding: StrictInt = Field(0, ge=0, le=1024, description="zeros added on each side")
    bias: StrictBool = True

    def through(self, shape: Shape) -> Shape | None:
        grow = 2 * self.padding - self.kernel + 1
        return _image((self.conv, *(side + grow for side in shape[1:])))


class MaxPool(LayerSection):
    """Square maximum pooling whose stride is its size."""

    max_pool: StrictInt = Field(ge=2, le=1024, description="height and width of the window")

    def through(self, shape: Shape) -> Shape | None:
        return _image((shape[0], *(side // self.max_pool for side in shape[1:])))


class Linear(LayerSection):
    """Dense layer; image features are flattened before the first one."""

    linear: StrictInt = Field(ge=1, le=1_048_576, description="output features")

    def through(self, shape: Shape) -> Shape | None:
        return (self.linear,)


def _image(shape: Shape) -> Shape | None:
    """The shape if it is an image's with at least a pixel."""
    return shape if len(shape) == 3 and min(shape) >= 1 else None


@dataclass(frozen=True, kw_only=True)
class LayerKind(Kind):
    """A layer.

    Attributes:
        section: its numbers; None for a layer without any, which study.yaml calls by its name.
        flat: whether it takes features, so that images are flattened before it.
        shares_input: whether it takes an input that is the same for all networks as it is; before
            others that come first it is repeated for each network.
        rounds_alike: whether its numbers on a CPU are the same to the last bit beside any others
            where nothing is compiled.
    """

    section: type[LayerSection] | None = None
    flat: bool = False
    shares_input: bool = False
    rounds_alike: bool = True

    def through(self, layer: "Layer", shape: Shape) -> Shape | None:
        """Shape of one sample after one, None where it cannot take this one."""
        return shape if isinstance(layer, str) else layer.through(shape)


LAYERS = Kinds(
    LayerKind,
    {
        "conv": LayerKind(
            meaning="square convolution, stride 1",
            made_by="moe_search.moe.layers.convolution:Convolution",
            section=Conv,
            shares_input=True,
            rounds_alike=False,
        ),
        "max_pool": LayerKind(
            meaning="square maximum pooling whose stride is its size",
            made_by="moe_search.moe.layers.max_pool:MaxPooling",
            section=MaxPool,
        ),
        "linear": LayerKind(
            meaning="dense layer; image features are flattened before the first one",
            made_by="moe_search.moe.layers.dense:Dense",
            section=Linear,
            flat=True,
            shares_input=True,
        ),
        "relu": LayerKind(meaning="maximum with 0", made_by="moe_search.moe.layers.relu:Relu"),
        "batch_norm": LayerKind(
            meaning="batch normalisation of each channel or feature",
            made_by="moe_search.moe.layers.batch_norm:BatchNorm",
        ),
    },
)


if TYPE_CHECKING:
    Layer: TypeAlias = LayerSection | str
else:
    _SECTIONS = {name: kind.section for name, kind in LAYERS.items() if kind.section}
    _NAMES = tuple(name for name in LAYERS if name not in _SECTIONS)

    def _tag(layer: object) -> str:
        """Which alternative is meant."""
        for name, section in _SECTIONS.items():
            if isinstance(layer, section) or (isinstance(layer, Mapping) and name in layer):
                return f"<{name}>"
        return "<name>"

    _TAGGED = [Annotated[section, Tag(f"<{name}>")] for name, section in _SECTIONS.items()]
    _TAGGED.append(Annotated[Literal[_NAMES], Tag("<name>")])
    Layer = Annotated[reduce(or_, _TAGGED), Discriminator(_tag)]
    """A layer with numbers, or the name of one without."""


def kind_of(layer: Layer) -> LayerKind:
    """The kind of a layer."""
    return LAYERS[layer if isinstance(layer, str) else layer.key()]
