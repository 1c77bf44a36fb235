"""What every section of study.yaml is made of."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

Value = bool | int | float | str
"""A plain hyperparameter's value; a backbone's is its preset's name."""

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]


class Part(BaseModel):
    """A frozen section that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class OneOf:
    """Annotates text that must be one of some names known only when the program runs."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.literal_schema(list(self.names))


def mistake(message: str, *keys: str | int) -> ValidationError:
    """Builds the error of a validator about the value under ``keys``, with its final words."""
    error = PydanticCustomError("mistake", "{message}", {"message": message})
    details = InitErrorDetails(type=error, loc=keys, input=None)
    return ValidationError.from_exception_data("study.yaml", [details])
