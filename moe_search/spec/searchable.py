"""A value or a range: the side of the plain sections that study.yaml speaks.

``searchable`` derives a section in which every hyperparameter takes its plain value or a domain
that fits its type, so a new field of ``configuration.py`` becomes searchable by existing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    Discriminator,
    Field,
    Tag,
    create_model,
)
from pydantic.fields import FieldInfo

from moe_search.spec.base import Section, Value
from moe_search.spec.conditions import Condition
from moe_search.spec.domains import Choices, Domain, FloatRange, IntRange


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
    when: tuple[Condition, ...]

    def is_active(self, values: Mapping[str, Value]) -> bool:
        """Tells whether it has a meaning beside the values suggested so far."""
        return all(condition.holds(values) for condition in self.when)


def searchable(section: type[Section]) -> type[Section]:
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
    return create_model(section.__name__, __base__=Section, __doc__=section.__doc__, **fields)


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
    base: type[Section] = IntRange if annotation is int else FloatRange
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
