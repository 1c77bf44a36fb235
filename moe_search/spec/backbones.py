"""Networks as lists of layers, and the paper's networks as named presets.

A list describes the body of a network: it ends with the hidden representation of width d. The
head (ReLU, then a linear layer to the classes for an expert, to the experts for an original gate)
is not written: it follows from the data and the expert count. The attentive gate reads the
representations themselves, so expert and gate must have the same width d there.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Layer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Conv(_Layer):
    """Square convolution, stride 1."""

    conv: Annotated[int, Field(ge=1, description="output channels")]
    kernel: Annotated[int, Field(ge=1)] = 3
    padding: Annotated[int, Field(ge=0)] = 0
    bias: bool = True


class MaxPool(_Layer):
    """Square maximum pooling whose stride is its size."""

    max_pool: Annotated[int, Field(ge=2)]


class Linear(_Layer):
    """Dense layer; image features are flattened before the first one."""

    linear: Annotated[int, Field(ge=1, description="output features")]


Layer = Conv | MaxPool | Linear | Literal["relu", "batch_norm"]


class Backbone(_Layer):
    """The bodies of one expert (which is also the single model) and of the gate."""

    expert: tuple[Layer, ...] = Field(min_length=1)
    gate: tuple[Layer, ...] = Field(min_length=1)
