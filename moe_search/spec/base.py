"""What every section of study.yaml is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

Value = bool | int | float | str
"""A plain hyperparameter's value; a backbone's is its preset's name."""


class Section(BaseModel):
    """A frozen section that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class OneOf:
    """Annotates text that must be one of some names known only when the program runs.

    Attributes:
        names: those that the schema lists.
        others: says whether another name may stand there, too, such as that of what is installed.
    """

    names: tuple[str, ...]
    others: Callable[[str], bool] | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        listed = core_schema.literal_schema(list(self.names))
        if self.others is None:
            return listed
        return core_schema.no_info_wrap_validator_function(
            self._check, listed, serialization=core_schema.simple_ser_schema("str")
        )

    def _check(self, value: object, listed: Callable[[object], object]) -> object:
        if (
            isinstance(value, str)
            and value not in self.names
            and self.others
            and self.others(value)
        ):
            return value
        return listed(value)


def spec_error(message: str, *keys: str | int) -> ValidationError:
    """Builds the error of a validator about the value under ``keys``, with its final words."""
    error = PydanticCustomError("mistake", "{message}", {"message": message})
    details = InitErrorDetails(type=error, loc=keys, input=None)
    return ValidationError.from_exception_data("study.yaml", [details])
