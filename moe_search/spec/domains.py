"""Where the values of a searched hyperparameter come from: ranges and choices."""

from decimal import Decimal
from typing import Self

from pydantic import (
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_validator,
)

from moe_search.spec.base import Section, Value
from moe_search.words import show


class IntRange(Section):
    """StrictInt numbers from low to high, both included."""

    model_config = ConfigDict(title="a range")

    low: StrictInt
    high: StrictInt
    step: StrictInt = Field(1, ge=1, description="distance between candidates, counted from low")
    log: StrictBool = Field(False, description="search orders of magnitude evenly")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _check_ends(self.low, self.high, self.log, stepped=self.step != 1)
        return self

    def contains(self, value: Value) -> bool:
        """Tells whether a search may come to this value."""
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    @property
    def steps(self) -> int:
        """How many lie between low and the last candidate."""
        return (self.high - self.low) // self.step

    def nth(self, n: int) -> int:
        """A candidate, counted from 0."""
        return self.low + n * self.step


class FloatRange(Section):
    """Numbers from low to high, both included."""

    model_config = ConfigDict(title="a range")

    low: StrictFloat
    high: StrictFloat
    step: StrictFloat | None = Field(
        None, gt=0, description="distance between candidates, counted from low"
    )
    log: StrictBool = Field(False, description="search orders of magnitude evenly")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _check_ends(self.low, self.high, self.log, stepped=self.step is not None)
        return self

    def contains(self, value: Value) -> bool:
        """Tells whether a search may come to this value."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        if not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-6

    @property
    def steps(self) -> int:
        """How many lie between low and the last candidate; of a range that has steps."""
        low, high, step = (Decimal(str(number)) for number in (self.low, self.high, self.step))
        return int((high - low) / step)

    def nth(self, n: int) -> float:
        """A candidate as one writes it: 0 + 3 * 0.1 is 0.3, and not a little more."""
        return float(Decimal(str(self.low)) + n * Decimal(str(self.step)))


class Choices(Section):
    """A few values to choose from."""

    model_config = ConfigDict(title="choices")

    choices: tuple[Value, ...] = Field(
        min_length=1, json_schema_extra={"uniqueItems": True}, description="the values, distinct"
    )

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        for number, choice in enumerate(self.choices):
            if choice in self.choices[:number]:
                raise ValueError(f"choices name {show(choice)} twice; write each once")
        return self

    def contains(self, value: Value) -> bool:
        """Tells whether a search may come to this value."""
        # true is no 1 here, nor 1 true
        return (isinstance(value, bool), value) in [(isinstance(c, bool), c) for c in self.choices]


Domain = IntRange | FloatRange | Choices


def options(setting: object) -> tuple[object, ...]:
    """What a hyperparameter may be: its choices, or its one fixed value."""
    return setting.choices if isinstance(setting, Choices) else (setting,)


def _check_ends(low: float, high: float, log: bool, stepped: bool) -> None:
    if low > high:
        raise ValueError(f"empty range: low {low} is above high {high}; swap them")
    if log and low <= 0:
        raise ValueError(f"a log range must start above 0; got low {low}")
    if log and stepped:
        raise ValueError("a log range has no step; leave out step or log")
