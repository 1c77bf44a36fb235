"""A value or a range: the side of the plain sections that study.yaml speaks.

``searchable`` derives a section in which every hyperparameter takes its plain value or a domain
that fits its type, so a new field of ``configuration.py`` becomes searchable by existing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, Union, get_args, get_origin

from pydantic import ConfigDict, Discriminator, Field, Tag, create_model, model_validator
from pydantic.fields import FieldInfo

from moe_search.spec.base import Flag, Number, Part, Value, Whole
from moe_search.spec.configuration import When
from moe_search.words import show


class IntRange(Part):
    """Whole numbers from low to high, both included."""

    model_config = ConfigDict(title="a range")

    low: Whole
    high: Whole
    step: Whole = Field(1, ge=1, description="distance between candidates, counted from low")
    log: Flag = Field(False, description="search orders of magnitude evenly")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _check_ends(self.low, self.high, self.log, stepped=self.step != 1)
        return self

    def contains(self, value: Value) -> bool:
        """Tells whether a search may come to this value."""
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0


class FloatRange(Part):
    """Numbers from low to high, both included."""

    model_config = ConfigDict(title="a range")

    low: Number
    high: Number
    step: Number | None = Field(
        None, gt=0, description="distance between candidates, counted from low"
    )
    log: Flag = Field(False, description="search orders of magnitude evenly")

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


class Choices(Part):
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


@dataclass(frozen=True)
class Parameter:
    """A searched hyperparameter.

    Attributes:
        path: section and field, such as ``model.experts``.
        domain: where its values come from.
        when: what must hold for it to have a meaning, as far as other parameters decide it.
    """

    path: str
    domain: Domain
    when: tuple[When, ...]

    def is_active(self, values: Mapping[str, Value]) -> bool:
        """Tells whether it has a meaning beside the values suggested so far."""
        return all(values.get(condition.path) in condition.values for condition in self.when)


def options(given: object) -> tuple[object, ...]:
    """What a hyperparameter may be: its choices, or its one fixed value."""
    return given.choices if isinstance(given, Choices) else (given,)


def _check_ends(low: float, high: float, log: bool, stepped: bool) -> None:
    if low > high:
        raise ValueError(f"empty range: low {low} is above high {high}; swap them")
    if log and low <= 0:
        raise ValueError(f"a log range must start above 0; got low {low}")
    if log and stepped:
        raise ValueError("a log range has no step; leave out step or log")


def searchable(section: type[Part]) -> type[Part]:
    """Derives the section whose fields take their plain value or a domain.

    The ends of a range and every choice keep the plain field's own constraints.
    """
    fields: dict[str, Any] = {
        name: (
            _value_or_domain(f"{section.__name__}{name.title().replace('_', '')}", field),
            Field(field.default, description=field.description),
        )
        for name, field in section.model_fields.items()
    }
    return create_model(section.__name__, __base__=Part, __doc__=section.__doc__, **fields)


def _value_or_domain(name: str, field: FieldInfo) -> Any:
    """Builds the type of a study's field from the plain one; ``name`` starts its domains'."""
    numeric = field.annotation in (int, float)
    plain: Any = (
        Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    )
    structured = get_origin(field.annotation) is Union
    # Of a field that takes a name or a structure, the names are what can be chosen among.
    choice = get_args(field.annotation)[0] if structured else plain
    alternatives: Any = Annotated[plain, Tag("<value>")]
    if numeric:
        alternatives |= _range(name, field.annotation, plain)
    alternatives |= _choices(name, choice)
    return Annotated[alternatives, Discriminator(_kind_of(numeric, structured))]


def _choices(name: str, choice: Any) -> Any:
    chosen = (tuple[choice, ...], Choices.model_fields["choices"])
    model: Any = create_model(f"{name}Choices", __base__=Choices, choices=chosen)
    return Annotated[model, Tag("<choices>")]


def _range(name: str, annotation: Any, plain: Any) -> Any:
    base: type[Part] = IntRange if annotation is int else FloatRange
    model: Any = create_model(f"{name}Range", __base__=base, low=(plain, ...), high=(plain, ...))
    return Annotated[model, Tag("<range>")]


def _kind_of(numeric: bool, structured: bool) -> Callable[[object], str]:
    def kind(given: object) -> str:
        if isinstance(given, Choices) or (isinstance(given, Mapping) and "choices" in given):
            return "<choices>"
        if isinstance(given, IntRange | FloatRange):
            return "<range>"
        if isinstance(given, Mapping) and not structured:
            return "<range>" if numeric else "<choices>"
        return "<value>"

    return kind
