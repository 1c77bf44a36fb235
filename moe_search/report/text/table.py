"""A table as data, which a terminal and a page show with the same cells."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from moe_search.spec import Backbone, Value
from moe_search.spec.kinds.layers import Layer
from moe_search.tracking.naming import written

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


def markdown_table(table: Table) -> str:
    """A table in Markdown, without its title."""
    rule = [":--" if column in table.words else "--:" for column in table.columns]
    rows = [table.columns, rule, *table.rows]
    return "\n".join(f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows)


def _markdown_cell(cell: str) -> str:
    return cell.replace("|", "&#124;")


def value_text(value: Value | Backbone | None) -> str:
    """A hyperparameter's value, numbers in three digits; a dash where it had no meaning."""
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.3g}"
        case Backbone():
            return f"(expert: {_layers(value.expert)}; gate: {_layers(value.gate)})"
    return written(value)


def _layers(layers: Sequence[Layer]) -> str:
    def text(layer: Layer) -> str:
        if isinstance(layer, str):
            return layer
        values = layer.model_dump(exclude_defaults=True)
        return " ".join(f"{name} {written(value)}" for name, value in values.items())

    return ", ".join(map(text, layers))
