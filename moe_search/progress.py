"""What is told to a person who waits, by whichever room keeps them waiting."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Note:
    """Something a person should know, once."""

    text: str


@dataclass(frozen=True)
class Working:
    """Something that may take a while has begun or goes on: for a terminal, while it lasts.

    Attributes:
        text: what it is, such as "reading images".
        done, total: how much of it, where that is known.
    """

    text: str
    done: int = 0
    total: int | None = None


Progress = Callable[[Note | Working], None]
"""Is told how it goes."""

Item = TypeVar("Item")


def silent(_: Note | Working) -> None:
    """Tells nobody."""


def counted(items: Sequence[Item], text: str, progress: Progress) -> Iterator[Item]:
    """The items, and how many of them are done by the time each is asked for."""
    total = len(items) if len(items) > 1 else None  # of one alone there is nothing to count
    for done, item in enumerate(items):
        progress(Working(text, done, total))
        yield item
