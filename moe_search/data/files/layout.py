"""How a table lies in a file of text: its delimiter, its header and how its numbers are written."""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MISSING = (
    *("", "?", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NAN", "Nan", "-nan", "-NaN"),
    *("NULL", "null", "None", "none"),
)
"""Text that stands for no value, but in a column of labels: there it is only nothing at all."""

_DELIMITERS = "\t;|,"


@dataclass(frozen=True)
class Layout:
    """How a file of text is a table, as far as its first lines show.

    Attributes:
        delimiter: of cells; None for spaces.
        names: of columns: those of the header, or column_1, column_2...
        header: whether there is one.
        rows: those that were looked at, as cells, without the header.
        decimal_comma: whether numbers are written with a comma.
    """

    delimiter: str | None
    names: list[str]
    header: bool
    rows: list[list[str]]
    decimal_comma: bool

    @property
    def numbers(self) -> bool:
        """Whether the rows that were looked at hold nothing but numbers."""
        return not self.decimal_comma and are_numbers(self.rows)


def layout_of(lines: Sequence[str], known: Collection[str] = ()) -> Layout:
    """The layout of a table, by its first lines that are not empty.

    Args:
        known: names of columns; a first row that holds them all is a header, even of numbers alone.
    """
    delimiter = _delimiter(lines)
    rows = list(csv.reader(lines, delimiter=delimiter or " ", skipinitialspace=True))
    names = header_names(rows[0])
    header = (bool(known) and set(known) <= set(names)) or _has_header(rows)
    names = names if header else _numbered(max(map(len, rows)))
    return Layout(delimiter, names, header, rows[header:], _has_decimal_comma(rows, delimiter))


def are_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Whether all cells are numbers, or missing."""
    return all(is_number(cell) or cell in MISSING for row in rows for cell in row)


def _delimiter(lines: Sequence[str]) -> str | None:
    """What parts all lines into the same number of cells; None for spaces, or for one column."""
    for delimiter in _DELIMITERS:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
        if len(widths) == 1 and widths != {1}:
            return delimiter
    counts = {delimiter: min(line.count(delimiter) for line in lines) for delimiter in _DELIMITERS}
    likely = max(counts, key=counts.__getitem__)
    if counts[likely]:
        return likely
    if len({len(line.split()) for line in lines}) == 1 and len(lines[0].split()) > 1:
        return None
    return ","


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns.

    It does unless a cell of it is a number, or text that stands again below. But numbers are names,
    too, where they count columns; and beside text that is none of the values it stands over, which
    are numbers, or a few texts again and again.
    """
    cells = [cell.strip() for cell in rows[0]]
    below = [[row[n].strip() for row in rows[1:] if n < len(row)] for n in range(len(cells))]
    numbers = [cell for cell in cells if is_number(cell)]
    texts = [(cell, below[n]) for n, cell in enumerate(cells) if cell not in ("", *numbers)]
    if any(cell in column for cell, column in texts):
        return False
    counted = (list(map(str, range(start, start + len(numbers)))) for start in (0, 1))
    if not numbers or (len(numbers) > 1 and numbers in counted):
        return True
    return any(
        (are_numbers([column]) and any(map(is_number, column)))
        or len(set(column)) <= len(column) / 2
        for cell, column in texts
        if cell not in MISSING and any(column)
    )


def _has_decimal_comma(rows: Sequence[Sequence[str]], delimiter: str | None) -> bool:
    if delimiter == ",":
        return False
    cells = [cell.strip() for row in rows[1:] for cell in row if any(map(str.isdigit, cell))]
    commas = sum(is_number(cell.replace(",", ".", 1)) and "," in cell for cell in cells)
    points = sum(is_number(cell) and "." in cell for cell in cells)
    return commas > points


def header_names(cells: Sequence[str]) -> list[str]:
    """What a header calls columns; one without a name is called as pandas calls it."""
    return [cell.strip() or f"Unnamed: {number}" for number, cell in enumerate(cells)]


def _numbered(width: int) -> list[str]:
    return [f"column_{number}" for number in range(1, width + 1)]


def is_number(cell: str) -> bool:
    """Whether text is one number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
