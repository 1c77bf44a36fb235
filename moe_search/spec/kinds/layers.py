"""Layers: what the networks of experts and gates are made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    Tag,
    model_serializer,
)

from moe_search.spec.base import Section
from moe_search.spec.kinds.kind import Kind, Kinds
from moe_search.spec.kinds.networks import NETWORKS

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

    def branches(self) -> "tuple[tuple[Layer, ...], ...]":
        """The layer lists it is made of, of which each gets its input."""
        return ()

    def multiply_adds(self, shape: Shape) -> int | None:
        """Multiplications with an addition for one sample that it takes; None: nobody knows.

        Those of the layers that it is made of are not among them.
        """
        return 0


class Conv(LayerSection):
    """Square convolution."""

    conv: StrictInt = Field(ge=1, le=65_536, description="output channels")
    kernel: StrictInt = Field(3, ge=1, le=1024, description="height and width of the kernel")
    padding: StrictInt = Field(0, ge=0, le=1024, description="zeros added on each side")
    bias: StrictBool = True
    stride: StrictInt = Field(
        1, ge=1, le=1024, description="of so many rows and columns of results, one is computed"
    )

    @model_serializer(mode="wrap")
    def _without_default_stride(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As before there were strides, where it has none: so is a package, and a study's space."""
        written: dict[str, Any] = handler(self)
        return written if self.stride > 1 else {k: v for k, v in written.items() if k != "stride"}

    def through(self, shape: Shape) -> Shape | None:
        grow = 2 * self.padding - self.kernel
        return _image((self.conv, *((side + grow) // self.stride + 1 for side in shape[1:])))

    def multiply_adds(self, shape: Shape) -> int | None:
        after = self.through(shape)
        return prod(after) * shape[0] * self.kernel**2 if after else None


class MaxPool(LayerSection):
    """Square maximum pooling whose stride is its size."""

    max_pool: StrictInt = Field(ge=2, le=1024, description="height and width of the window")

    def through(self, shape: Shape) -> Shape | None:
        return _image((shape[0], *(side // self.max_pool for side in shape[1:])))


class AvgPool(LayerSection):
    """Square average pooling whose stride is its size."""

    avg_pool: StrictInt = Field(ge=2, le=1024, description="height and width of the window")

    def through(self, shape: Shape) -> Shape | None:
        return _image((shape[0], *(side // self.avg_pool for side in shape[1:])))


class Linear(LayerSection):
    """Dense layer; image features are flattened before the first one."""

    linear: StrictInt = Field(ge=1, le=1_048_576, description="output features")

    def through(self, shape: Shape) -> Shape | None:
        return (self.linear,)

    def multiply_adds(self, shape: Shape) -> int | None:
        return prod(shape) * self.linear


class Dropout(LayerSection):
    """In training, numbers set to 0 at random, and the others made larger to match."""

    dropout: StrictFloat = Field(gt=0, lt=1, description="probability with which a number is 0")

    def through(self, shape: Shape) -> Shape | None:
        return shape


class Residual(LayerSection):
    """What some layers make of their input, added to what a shortcut makes of it."""

    residual: "tuple[Layer, ...]" = Field(min_length=1, description="the layers")
    shortcut: "tuple[Layer, ...]" = Field(
        (), description="layers that the input goes through beside them; none: it stays as it is"
    )

    def through(self, shape: Shape) -> Shape | None:
        after, beside = (through(branch, shape) for branch in self.branches())
        return after if after == beside else None

    def branches(self) -> "tuple[tuple[Layer, ...], ...]":
        return self.residual, self.shortcut


def _is_installed(name: str) -> str:
    if name not in NETWORKS:
        raise ValueError(f"{name} is not installed; no package declares it in {NETWORKS.group}")
    return name


class Network(LayerSection):
    """A torch module of an installed package; images reach it as images."""

    network: Annotated[str, AfterValidator(_is_installed)] = Field(
        description="its name among what packages declare in moe_search.networks"
    )
    outputs: StrictInt = Field(ge=1, le=1_048_576, description="features that it gives")

    def through(self, shape: Shape) -> Shape | None:
        return (self.outputs,)

    def multiply_adds(self, shape: Shape) -> int | None:
        return None


def _image(shape: Shape) -> Shape | None:
    """The shape if it is an image's with at least a pixel."""
    return shape if len(shape) == 3 and min(shape) >= 1 else None


def _unchanged(shape: Shape) -> Shape | None:
    return shape


def _channels(shape: Shape) -> Shape | None:
    """The channels of an image as features."""
    return shape[:1] if len(shape) == 3 else None


@dataclass(frozen=True, kw_only=True)
class LayerKind(Kind):
    """A layer.

    Attributes:
        section: its numbers; None for a layer without any, which study.yaml calls by its name.
        flat: whether it takes features, so that images are flattened before it.
        shares_input: whether it takes an input that is the same for all networks as it is; before
            others that come first it is repeated for each network.
        rounds_alike: whether its numbers on a CPU are the same to the last bit beside any others
            where nothing is compiled; one of layers rounds as they do.
        after: shape of one sample after it, None where it cannot take this one; of a layer without
            numbers.
    """

    section: type[LayerSection] | None = None
    flat: bool = False
    shares_input: bool = False
    rounds_alike: bool = True
    after: Callable[[Shape], Shape | None] = _unchanged

    def through(self, layer: "Layer", shape: Shape) -> Shape | None:
        """Shape of one sample after one, None where it cannot take this one."""
        return self.after(shape) if isinstance(layer, str) else layer.through(shape)


LAYERS = Kinds(
    LayerKind,
    {
        "conv": LayerKind(
            meaning="square convolution",
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
        "avg_pool": LayerKind(
            meaning="square average pooling whose stride is its size",
            made_by="moe_search.moe.layers.avg_pool:AveragePooling",
            section=AvgPool,
        ),
        "global_avg_pool": LayerKind(
            meaning="the mean of each channel, which are features from there on",
            made_by="moe_search.moe.layers.global_avg_pool:GlobalAveragePooling",
            after=_channels,
        ),
        "linear": LayerKind(
            meaning="dense layer; image features are flattened before the first one",
            made_by="moe_search.moe.layers.dense:Dense",
            section=Linear,
            flat=True,
            shares_input=True,
        ),
        "relu": LayerKind(meaning="maximum with 0", made_by="moe_search.moe.layers.relu:Relu"),
        "gelu": LayerKind(
            meaning="x times the share of a standard normal distribution below x",
            made_by="moe_search.moe.layers.gelu:Gelu",
        ),
        "silu": LayerKind(
            meaning="x times its sigmoid, also called swish",
            made_by="moe_search.moe.layers.silu:Silu",
        ),
        "batch_norm": LayerKind(
            meaning="batch normalisation of each channel or feature",
            made_by="moe_search.moe.layers.batch_norm:BatchNorm",
        ),
        "layer_norm": LayerKind(
            meaning="normalisation of each sample over its features, or channels at each position",
            made_by="moe_search.moe.layers.layer_norm:LayerNorm",
        ),
        "dropout": LayerKind(
            meaning="in training, numbers set to 0 at random",
            made_by="moe_search.moe.layers.dropout:StackedDropout",
            section=Dropout,
        ),
        "residual": LayerKind(
            meaning="the input and what layers make of it, added up",
            made_by="moe_search.moe.layers.residual:StackedResidual",
            section=Residual,
        ),
        "network": LayerKind(
            meaning="a torch module of an installed package, several times slower than layers",
            made_by="moe_search.moe.layers.network:StackedModules",
            section=Network,
            shares_input=True,
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
    Residual.model_rebuild()  # now that a layer is known


def name_of(layer: Layer) -> str:
    """The name of its kind."""
    return layer if isinstance(layer, str) else layer.key()


def kind_of(layer: Layer) -> LayerKind:
    """The kind of a layer."""
    return LAYERS[name_of(layer)]


def branches(layer: Layer) -> tuple[tuple[Layer, ...], ...]:
    """The layer lists that a layer is made of; none of most."""
    return () if isinstance(layer, str) else layer.branches()


def each(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Every layer of a list, and those that it is made of."""
    for layer in layers:
        yield layer
        for branch in branches(layer):
            yield from each(branch)


def through(layers: Iterable[Layer], shape: Shape) -> Shape | None:
    """Shape of one sample after some layers, None where one cannot take what it gets."""
    for layer in layers:
        after = kind_of(layer).through(layer, shape)
        if after is None:
            return None
        shape = after
    return shape


def multiply_adds(layers: Iterable[Layer], shape: Shape) -> int | None:
    """Those of products and convolutions for one sample in layers that fit; None: nobody knows."""
    total = 0
    for layer in layers:
        parts = [multiply_adds(branch, shape) for branch in branches(layer)]
        parts.append(0 if isinstance(layer, str) else layer.multiply_adds(shape))
        after = kind_of(layer).through(layer, shape)
        if None in parts or after is None:
            return None
        total, shape = total + sum(filter(None, parts)), after
    return total
