"""Named configurations that a study compares, each over several seeds, instead of searching."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, StrictInt, WithJsonSchema

from moe_search.spec.base import OneOf, Section
from moe_search.spec.configuration import Model, Regularizer, Training
from moe_search.spec.kinds.metrics import METRICS
from moe_search.words import show

T = TypeVar("T")

TRAINING_ERROR = "training_error"

ReferenceName = Annotated[str, OneOf((TRAINING_ERROR, *METRICS))]


def _reference_value(value: object) -> list[float]:
    numbers = value if isinstance(value, list | tuple) else (value,)
    sound = all(
        isinstance(n, int | float) and not isinstance(n, bool) and abs(n) <= sys.float_info.max
        for n in numbers
    )
    if not sound or len(numbers) not in (1, 2):
        raise ValueError(f"expected [mean, SD] or the number of one run; got {show(value)}")
    return [float(number) for number in numbers]


ReferenceValue = Annotated[
    list[float],
    PlainValidator(_reference_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2},
            ]
        }
    ),
]
"""A reference: mean and standard deviation over runs, or one number of a single run."""

Reference = dict[ReferenceName, ReferenceValue]
"""What others report for a configuration, by metric, on their test split."""


class Row(Section):
    """One configuration: what it changes of the study's own, and what others report for it."""

    seeds: Annotated[StrictInt, Field(ge=1, le=1000)] | None = Field(
        None, description="seeds it is trained with; without it, those of search.seeds"
    )
    model: Model = Field(Model(), description="what differs from the study's model")
    regularizer: Regularizer = Field(
        Regularizer(), description="what differs from the study's regularizer"
    )
    training: Training = Field(Training(), description="what differs from the study's training")
    reference: Reference = Field(
        {}, description="numbers to compare with, by metric: [mean, SD], or one run's"
    )
    reference_runs: Annotated[StrictInt, Field(ge=2, le=1_000_000)] | None = Field(
        None, description="how many runs their means and SDs are over, for Welch's t"
    )

    def changes(self) -> dict[str, Any]:
        """What it sets, by path, in the order of declaration."""
        sections = {"model": self.model, "regularizer": self.regularizer, "training": self.training}
        return {
            f"{name}.{key}": getattr(section, key)
            for name, section in sections.items()
            for key in type(section).model_fields
            if key in section.model_fields_set
        }


def _check_row_names(rows: Mapping[str, T]) -> Mapping[str, T]:
    for name in rows:
        if not (0 < len(name) <= 80 and name.isprintable() and name == name.strip()):
            raise ValueError(f"{show(name)} is not a name of a row; expected 1 to 80 letters")
    return rows


Rows = Annotated[dict[str, Row], AfterValidator(_check_row_names)]
References = Annotated[dict[str, Reference], AfterValidator(_check_row_names)]
