"""What every member of an open set declares of itself.

study.yaml chooses from open sets: gates, regularizer terms, layers, data sets and so on. Each set
is a folder of members and one table here that names them. A row is a member's declaration: what
the schema says of it, when it may be searched, and which object makes it. That object is loaded
when it is first used, so that reading a study needs neither torch nor Optuna.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pkgutil import resolve_name
from typing import Any, TypeVar

from moe_search.errors import MemberError, UserError
from moe_search.words import one_line

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One member of an open set.

    Attributes:
        meaning: one line for the schema, tables and help.
        made_by: the object that makes it, as ``module:name``.
        same_as: what it is another name of, in words; empty of a member of its own.
    """

    meaning: str
    made_by: str
    same_as: str = ""

    def load(self) -> Any:
        """The object that makes it.

        Raises:
            ImportError, AttributeError: there is none of that name, which is a fault of the member.
        """
        return resolve_name(self.made_by)

    def load_member(self) -> Any:
        """The same, where it may be another package's.

        Raises:
            MemberError: there is none of that name.
        """
        try:
            return self.load()
        except (ImportError, AttributeError, ValueError) as error:
            raise MemberError(f"{self.made_by} cannot be loaded: {error}") from error

    def load_class(self, *bases: type[T]) -> type[T]:
        """The class that makes it.

        Args:
            bases: of which it must be a subclass of one.

        Raises:
            MemberError: there is none of that name, or it is something else.
        """
        made = self.load_member()
        if not (isinstance(made, type) and issubclass(made, bases)):
            names = " nor ".join(base.__name__ for base in bases)
            raise MemberError(f"{self.made_by} is no {names}")
        return made


K = TypeVar("K", bound=Kind)


class Kinds(Mapping[str, K]):
    """The members of an open set by name: those of moe-search, and those that are installed.

    A package declares a member in its metadata, as an entry point of the set's group whose object
    is the ``Kind``. study.yaml holds its name alone: no code is found through it that a person has
    not installed. Iterating gives moe-search's own members.

    Args:
        base: the type of a member.
        own: moe-search's members by name.
        group: of entry points; None for a set that packages cannot add to.
    """

    def __init__(self, base: type[K], own: Mapping[str, K], group: str | None = None) -> None:
        self.base = base
        self.group = group
        self._own = dict(own)
        self._installed: dict[str, K] = {}

    def __getitem__(self, name: str) -> K:
        if name in self._own:
            return self._own[name]
        if name not in self._installed:
            self._installed[name] = self._load(self.installed()[name])
        return self._installed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self.installed()

    def installed(self) -> dict[str, EntryPoint]:
        """What other packages declare, by name; nothing of it is imported."""
        if self.group is None:
            return {}
        return {entry.name: entry for entry in entry_points(group=self.group)}

    def names(self, holds: Callable[[K], bool]) -> tuple[str, ...]:
        """moe-search's own members of which something holds."""
        return tuple(name for name, kind in self._own.items() if holds(kind))

    def _load(self, entry: EntryPoint) -> K:
        kind = entry.load()
        if not isinstance(kind, self.base):
            raise UserError(
                one_line(f"{entry.value}: declared in {self.group}, but is no {self.base.__name__}")
            )
        return kind
