"""The section ``data``."""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    PrivateAttr,
    StrictInt,
    Tag,
    WithJsonSchema,
)
from pydantic import model_validator as validator

from moe_search.spec.base import OneOf, Section, spec_error
from moe_search.spec.kinds.data_sets import DATA_SETS, OPTIONS
from moe_search.spec.sections.values import SWITCH, Bytes, GivenPath, Seed
from moe_search.words import show

DataName = Annotated[str, OneOf(tuple(DATA_SETS), others=DATA_SETS.__contains__)]


def _auto_count_or_fraction(value: object) -> int | float | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ValueError(
        f"expected auto, a count of samples or a fraction between 0 and 1; got {show(value)}"
    )


def _auto_or_switch(value: object) -> bool | Literal["auto"]:
    if isinstance(value, bool):
        return value
    if value == "auto":
        return "auto"
    if isinstance(value, str) and value in SWITCH:
        return SWITCH[value]
    raise ValueError(f"expected auto, on or off; got {show(value)}")


NetworkName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]


class NetworkFeatures(Section):
    """A pre-trained network whose representation of an image stands for the image."""

    network: NetworkName = Field(
        description="a classification network of torchvision's, such as resnet18"
    )
    weights: GivenPath | None = Field(
        None,
        description="its weights: a state dict as .safetensors; without it, the published ones",
    )
    image_size: StrictInt | None = Field(
        None,
        ge=1,
        le=4096,
        description="height and width of the images that it takes; without it, those of the "
        "published weights, such as 224",
    )


def _named_network(value: object) -> object:
    return {"network": value} if isinstance(value, str) else value


Features = Annotated[
    Annotated[tuple[str, ...], Tag("<columns>")]
    | Annotated[
        NetworkFeatures,
        BeforeValidator(_named_network, json_schema_input_type=NetworkName | NetworkFeatures),
        Tag("<network>"),
    ],
    Discriminator(lambda given: "<columns>" if isinstance(given, list | tuple) else "<network>"),
]


class Data(Section):
    """What is learned, and how it is split."""

    name: DataName = Field(
        description="a known data set, or one's own: arrays, table, image_folder or huggingface"
    )
    root: GivenPath | None = Field(
        None, description="folder in which known data sets are looked for"
    )
    path: GivenPath | None = Field(
        None,
        description="the file or folder of arrays or table; the folder of image_folder or "
        "huggingface",
    )
    validation: Annotated[
        int | float | Literal["auto"],
        PlainValidator(_auto_count_or_fraction),
        WithJsonSchema(
            {
                "anyOf": [
                    {"const": "auto"},
                    {"type": "integer", "minimum": 0},
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                ]
            }
        ),
    ] = Field(
        "auto",
        description="part of the training data held out: a count of samples or a fraction; "
        "auto: the data's own validation split, or a fifth where it has none; "
        "0, for a comparison, trains on all and takes validation metrics on training samples, up "
        "to 10,000 of them",
    )
    seed: Seed = Field(0, description="seed of the split")
    limit: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="train on this many samples only, the same share of each class"
    )
    image_size: StrictInt = Field(
        32, ge=1, le=4096, description="height and width of images that are files"
    )
    channels: Literal[1, 3] = Field(
        3, description="1 makes images that are files grey, 3 red, green and blue"
    )
    augment: Annotated[
        bool | Literal["auto"],
        PlainValidator(_auto_or_switch),
        WithJsonSchema({"enum": ["auto", True, False, "on", "off", "yes", "no"]}),
    ] = Field("auto", description="random flips and crops; auto: for CIFAR only")
    label: str | None = Field(None, description="the column that is predicted")
    features: Features = Field(
        (),
        description="columns to learn from; without them, all but those of drop; or, of images, "
        "the pre-trained network whose representation of them is learned from",
    )
    drop: tuple[str, ...] = Field((), description="columns that are left out")
    split: str | None = Field(
        None, description="the column that says train, validation or test of each row"
    )
    layout: Literal["auto", "channels_first", "channels_last"] = Field(
        "auto", description="order of the axes of arrays of images, where it is not plain"
    )
    unreadable: Literal["stop", "skip"] = Field(
        "stop", description="what to do about images that cannot be read"
    )

    cache: Bytes = Field(
        20 * 10**9,
        repr=False,
        description="most that copies of the data may take beside the study while it runs, such as "
        "20 GB",
    )

    _beside: Path = PrivateAttr(default_factory=lambda: Path(tempfile.gettempdir()))

    def placed(self, folder: Path) -> Self:
        """The same, with copies of the data in a folder; where it cannot be written, as before."""
        placed = self.model_copy()
        if os.access(folder, os.W_OK):
            placed._beside = folder
        return placed

    @property
    def beside(self) -> Path:
        """Folder in which copies of the data lie while they are used."""
        return self._beside

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table to learn from; none where all are."""
        return self.features if isinstance(self.features, tuple) else ()

    @property
    def network(self) -> NetworkFeatures | None:
        """The pre-trained network that makes features of images, if one does."""
        return None if isinstance(self.features, tuple) else self.features

    @property
    def preset(self) -> str | None:
        """The backbone that ``auto`` takes; None for one that fits the samples."""
        if self.network:
            return "mlp_embedding"
        kind = DATA_SETS.get(self.name)
        return kind.preset if kind else None

    @validator(mode="after")
    def _is_seen_by_its_network(self) -> Self:
        if self.network is None:
            return self
        if self.name == "table":
            words = "a network takes images, and table has rows; write columns as a list"
            raise spec_error(words, "features")
        if self.augment is True:
            raise spec_error(
                "the network of data.features sees each image once; leave augment out", "augment"
            )
        if self.image_size != type(self).model_fields["image_size"].default:
            where = f"data.features: {{network: {self.network.network}, image_size: ...}}"
            raise spec_error(
                f"has no meaning beside a network's features; give {where}", "image_size"
            )
        return self

    @validator(mode="after")
    def _has_its_keys(self) -> Self:
        for key in OPTIONS:
            given = getattr(self, key) != type(self).model_fields[key].default
            if key == "features":
                given = bool(self.columns)
            if given and key not in DATA_SETS[self.name].keys:
                takers = ", ".join(name for name, kind in DATA_SETS.items() if key in kind.keys)
                raise spec_error(f"has no meaning for {self.name}, only for {takers}", key)
        return self

    @validator(mode="after")
    def _has_its_path(self) -> Self:
        needed = DATA_SETS[self.name].path
        if needed and self.path is None:
            raise spec_error(f"is missing; {self.name} needs {needed}", "path")
        if not needed and self.path is not None:
            *most, last = DATA_SETS.names(lambda kind: kind.path is not None)
            raise spec_error(
                f"only {', '.join(most)} and {last} have a path; "
                f"the folder of {self.name} is data.root",
                "path",
            )
        return self


def name_alone(value: object) -> object:
    """Reads ``data: mnist`` as ``data: {name: mnist}``."""
    return {"name": value} if isinstance(value, str) else value
