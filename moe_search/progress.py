"""Messages to a person who waits, from whichever room keeps them waiting."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Note:
    """Something a person should know, once."""

    text: str


@dataclass(frozen=True)
class Working:
    """A piece of work that takes a while has begun, or has come further.

    A terminal shows it until the next message; a log does not.

    Attributes:
        text: what it is, such as "reading images".
        done, total: how much of it, where that is known.
    """

    text: str
    done: int = 0
    total: int | None = None


Progress = Callable[[Note | Working], None]
"""A listener to notes and work."""

Item = TypeVar("Item")


def silent(_: Note | Working) -> None:
    """A listener that drops every message."""


def counted(items: Sequence[Item], text: str, progress: Progress) -> Iterator[Item]:
    """Yields the items, and says before each how many are done."""
    total = len(items) if len(items) > 1 else None  # a count of one says nothing
    for done, item in enumerate(items):
        progress(Working(text, done, total))
        yield item
