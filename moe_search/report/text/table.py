"""A table as data, which a terminal and a page show with the same cells."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
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
    """Print on stdout; no value is cut, whatever the terminal's width.

    A table that is too wide goes on below, its first column again at the left. A file or a pipe
    gets the whole width.
    """
    console = Console(width=None if sys.stdout.isatty() else _UNLIMITED)
    console.print(Text(table.title, style="italic"))
    for columns in _fitting(console, table):
        console.print(_rich(table, columns))


def _fitting(console: Console, table: Table) -> list[list[int]]:
    """Columns in groups that each fit beside the first column."""
    unlimited = console.options.update(max_width=_UNLIMITED)
    groups = [[0]]
    for column in range(1, len(table.columns)):
        wider = _rich(table, [*groups[-1], column])
        fits = Measurement.get(console, unlimited, wider).maximum <= console.width
        if fits or len(groups[-1]) == 1:  # what fits nowhere is folded
            groups[-1].append(column)
        else:
            groups.append([0, column])
    return groups


def _rich(table: Table, columns: Sequence[int]) -> RichTable:
    rich = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        name = table.columns[column]
        rich.add_column(
            Text(name), justify="left" if name in table.words else "right", overflow="fold"
        )
    for number, row in enumerate(table.rows):
        cells = [Text(row[column]) for column in columns]
        rich.add_row(*cells, style="bold" if number < table.strong else None)
    return rich


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
        values = {name: getattr(layer, name) for name in layer.model_dump(exclude_defaults=True)}
        return " ".join(
            f"{name} {f'({_layers(value)})' if isinstance(value, tuple) else written(value)}"
            for name, value in values.items()
        )

    return ", ".join(map(text, layers))
