"""How a table lies in a file of text: its delimiter, its header and how its numbers are written."""

import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MISSING = (
    *("", "?", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NAN", "Nan", "-nan", "-NaN"),
    *("NULL", "null", "None", "none"),
)
"""Text that stands for no value, but in a column of labels: there it is only nothing at all."""

_DELIMITERS = "\t;|,"
_COLUMN = "column_"
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")  # as in 1.000, perhaps
_GROUPED = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")  # as in 1.000 or 1.234,5


@dataclass(frozen=True)
class Layout:
    """How a file of text is a table, as far as its first lines show.

    Attributes:
        delimiter: of cells; None for spaces.
        names: of columns: those of the header, or column_1, column_2...
        header: whether there is one.
        counted: whether the header only counts columns, as a row of data might.
        rows: those that were looked at, as cells, without the header.
        spare: empty cells of rows after those that the header names.
        decimal_comma: whether numbers are written with a comma.
    """

    delimiter: str | None
    names: list[str]
    header: bool
    counted: bool
    rows: list[list[str]]
    spare: int
    decimal_comma: bool

    @property
    def numbers(self) -> bool:
        """Whether the rows that were looked at hold nothing but numbers, as arrays do."""
        return not self.decimal_comma and not self.spare and are_numbers(self.rows)

    def has_codes(self, name: str | None) -> bool:
        """Whether a column holds numbers such as 01, which are names by their zero."""
        if name not in self.names:
            return False
        place = self.names.index(name)
        return any(
            re.fullmatch(r"0\d+", row[place].strip()) for row in self.rows if place < len(row)
        )


def layout_of(
    lines: Sequence[str], known: Collection[str] = (), decimal_comma: bool = False
) -> Layout:
    """The layout of a table, by its first lines that are not empty.

    Args:
        known: names of columns; a first row that holds them all is a header, even of numbers alone.
        decimal_comma: whether numbers have one where nothing tells otherwise.

    Raises:
        ValueError: comments stand above the header, or rows have more cells than it.
    """
    _refuse_comments(lines)
    delimiter = _delimiter(lines)
    rows = _cells(lines, delimiter)
    names = header_names(rows[0])
    counted = _counts(names)
    given = bool(known) and set(known) <= set(names)
    bare = counted and bool(known) and all(name.startswith(_COLUMN) for name in known)
    header = given or (not bare and _has_header(rows))
    names = names if header else _numbered(max(map(len, rows)))
    return Layout(
        delimiter,
        names,
        header,
        counted and header and not given,
        rows[header:],
        _spare(names, rows[header:]),
        _has_decimal_comma(rows, delimiter, decimal_comma),
    )


def as_number(cell: str) -> str | None:
    """What is written with a decimal comma, perhaps with points between thousands, with a point.

    None where it is no such number.
    """
    return cell.replace(".", "").replace(",", ".") if _GROUPED.fullmatch(cell) else None


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

    It does if all of it is text and some stands over numbers alone. Else it does unless a cell of
    it is a number, or text that stands again below. But numbers are names,
    too, where they count columns; and beside text that is none of the values it stands over, which
    are numbers, or a few texts again and again.
    """
    cells = [cell.strip() for cell in rows[0]]
    below = [[row[n].strip() for row in rows[1:] if n < len(row)] for n in range(len(cells))]
    numbers = [cell for cell in cells if is_number(cell)]
    texts = [(cell, below[n]) for n, cell in enumerate(cells) if cell not in ("", *numbers)]
    named = [(cell, column) for cell, column in texts if cell not in MISSING and any(column)]
    over_numbers = any(are_numbers([c]) and any(map(is_number, c)) for _, c in named)
    if not numbers and over_numbers:
        return True
    if any(cell in column for cell, column in texts):
        return False
    if not numbers or _counts(numbers):
        return True
    return over_numbers or any(len(set(column)) <= len(column) / 2 for _, column in named)


def _counts(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2... or 1, 2, 3..."""
    counted = (list(map(str, range(start, start + len(cells)))) for start in (0, 1))
    return len(cells) > 1 and list(cells) in counted


def _spare(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many cells rows have after those of the header, all of them empty.

    R writes one more, too, but as the first: it names the row, and has no name of its own.
    """
    width = max(map(len, rows), default=0)
    extra = width - len(names)
    if extra <= 0:
        return 0
    if not any(cell.strip() for row in rows for cell in row[len(names) :]):
        return extra
    if extra == 1 and all(len(row) == width for row in rows[:-1]):  # the last may be cut in quotes
        return 0
    raise ValueError(f"its header names {len(names)} columns, but a row has {width} cells")


def _refuse_comments(lines: Sequence[str]) -> None:
    rows = [line for line in lines if not line.startswith("#")]
    if len(rows) in (0, len(lines)) or not lines[0].startswith("#"):
        return
    delimiter = _delimiter(rows)
    first, row = _cells([lines[0], rows[0]], delimiter)[:2]
    if len(first) != len(row):
        raise ValueError("it begins with a comment, a line of #; remove such lines")


def _cells(lines: Sequence[str], delimiter: str | None) -> list[list[str]]:
    stripped = lines if delimiter else [line.strip() for line in lines]
    return list(csv.reader(stripped, delimiter=delimiter or " ", skipinitialspace=True))


def _has_decimal_comma(rows: Sequence[Sequence[str]], delimiter: str | None, likely: bool) -> bool:
    """Whether more numbers have a decimal comma than a point; 1.000 may be either."""
    if delimiter == ",":
        return False
    cells = [cell.strip() for row in rows[1:] for cell in row if any(map(str.isdigit, cell))]
    commas = sum(
        "," in cell and (is_number(cell.replace(",", ".", 1)) or as_number(cell) is not None)
        for cell in cells
    )
    points = sum(
        is_number(cell) and "." in cell and not _THOUSANDS.fullmatch(cell) for cell in cells
    )
    return commas > points or (likely and not points)


def header_names(cells: Sequence[str]) -> list[str]:
    """What a header calls columns; one without a name is called as pandas calls it."""
    return [cell.strip() or f"Unnamed: {number}" for number, cell in enumerate(cells)]


def _numbered(width: int) -> list[str]:
    return [f"{_COLUMN}{number}" for number in range(1, width + 1)]


def is_number(cell: str) -> bool:
    """Whether text is one number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
