"""A table as data, which a terminal and a page show with the same cells."""

import sys
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from moe_search.spec import Value
from moe_search.tracking.words import written

_UNLIMITED = 1000  # columns; a table takes what it needs of them


@dataclass(frozen=True)
class Table:
    """Text in rows and columns.

    Attributes:
        words: columns that are read from the left; numbers stand at the right.
        strong: the first so many rows stand out.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[str] = frozenset()
    strong: int = 0


def show(table: Table) -> None:
    """Print on stdout, fitted to a terminal's width; a file or pipe gets what it needs."""
    console = Console(width=None if sys.stdout.isatty() else _UNLIMITED)
    rich = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        rich.add_column(column, justify="left" if column in table.words else "right")
    for number, row in enumerate(table.rows):
        rich.add_row(*map(Text, row), style="bold" if number < table.strong else None)
    console.print(Text(table.title, style="italic"), rich, sep="")


def value_text(value: Value | None) -> str:
    """A searched value in three digits; a dash where it had no meaning."""
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else written(value)
