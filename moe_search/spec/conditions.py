"""When a hyperparameter has a meaning.

A searched hyperparameter is not suggested in trials in which it has no meaning, and a configuration
holds its default there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic.fields import FieldInfo

from moe_search.spec.domains import Choices, FloatRange, IntRange
from moe_search.spec.kinds.gates import GATES, GateKind
from moe_search.spec.kinds.kind import K, Kinds


class Condition(Protocol):
    """What must hold for a hyperparameter to have a meaning."""

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it does beside plain values, by path."""

    def may_hold(self, settings: Mapping[str, object]) -> bool:
        """Whether it does in any trial of a study, given its values and domains."""

    def decided_by(self, settings: Mapping[str, object], sometimes: Callable[[str], bool]) -> bool:
        """Whether it does in every trial; ``sometimes`` says of a path that it may have none."""

    def parts(self) -> Iterator["When"]:
        """The simple conditions in it."""


@dataclass(frozen=True)
class When:
    """Says that a hyperparameter has a meaning only beside some values of another.

    Attributes:
        path: of the other.
        allows: which of its values those are. Of a range, what it says of both ends holds between.
    """

    path: str
    allows: Callable[[Any], bool]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it does beside plain values, by path."""
        return self.path in values and self.allows(values[self.path])

    def may_hold(self, settings: Mapping[str, object]) -> bool:
        """Whether it does in any trial of a study, given its values and domains."""
        return any(map(self.allows, _ends(settings[self.path])))

    def decided_by(self, settings: Mapping[str, object], sometimes: Callable[[str], bool]) -> bool:
        """Whether it does in every trial; ``sometimes`` says of a path that it may have none."""
        return all(map(self.allows, _ends(settings[self.path]))) and not sometimes(self.path)

    def parts(self) -> Iterator["When"]:
        """Itself."""
        yield self


@dataclass(frozen=True)
class Either:
    """Says that one of some conditions is enough."""

    conditions: tuple[When, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether one does beside plain values, by path."""
        return any(condition.holds(values) for condition in self.conditions)

    def may_hold(self, settings: Mapping[str, object]) -> bool:
        """Whether one does in any trial of a study, given its values and domains."""
        return any(condition.may_hold(settings) for condition in self.conditions)

    def decided_by(self, settings: Mapping[str, object], sometimes: Callable[[str], bool]) -> bool:
        """Whether one does in every trial; ``sometimes`` says of a path that it may have none."""
        return any(condition.decided_by(settings, sometimes) for condition in self.conditions)

    def parts(self) -> Iterator[When]:
        """The conditions."""
        yield from self.conditions


@dataclass(frozen=True)
class NoneAtZero:
    """Says of a weight that 0 is as if it were not there."""


def conditions(field: FieldInfo) -> tuple[Condition, ...]:
    """What must hold for a hyperparameter to have a meaning."""
    return tuple(entry for entry in field.metadata if isinstance(entry, When | Either))


def when(path: str, *values: object) -> When:
    """A condition that another hyperparameter has one of some values."""
    return When(path, lambda value: value in values)


def when_kind(path: str, kinds: Kinds[K], holds: Callable[[K], bool]) -> When:
    """A condition on what the member of an open set declares that another hyperparameter names."""
    return When(path, lambda name: holds(kinds[name]))


IN_MOE = when("model.kind", "moe")


def when_gate(holds: Callable[[GateKind], bool]) -> When:
    """A condition on what the gate's row declares."""
    return when_kind("model.gate", GATES, holds)


def _ends(setting: object) -> tuple[object, ...]:
    """The choices, both ends of a range, or the one value."""
    match setting:
        case Choices(choices=choices):
            return choices
        case IntRange(low=low, high=high) | FloatRange(low=low, high=high):
            return (low, high)
    return (setting,)
