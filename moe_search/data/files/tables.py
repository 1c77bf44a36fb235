"""Files of rows and columns, read through pandas and pyarrow as a data frame.

A data frame is ``Any`` here: pandas is imported only where one is read.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from moe_search.data.files.damage import DAMAGE
from moe_search.errors import UserError
from moe_search.words import one_line, show

Frame = Any
"""A pandas.DataFrame."""

TEXT = (".csv", ".tsv", ".tab", ".txt", ".data")
COLUMNAR = (".parquet", ".pq", ".feather", ".arrow", ".ipc")
PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
SPLITS = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "te"), "test"),
}
"""What a split is called, by the words that people use."""

MISSING = (
    *("", "?", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NAN", "Nan", "-nan", "-NaN"),
    *("NULL", "null", "None", "none"),
)
"""Text that stands for no value, but in a column of labels: there it is only nothing at all."""

_DELIMITERS = "\t;|,"
_LOOKED_AT = 200  # lines, which tell the delimiter and whether there is a header
_NO_CHARACTER = "\x1f"  # that stands in no table, so that a line is read whole


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table, perhaps a compressed one."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in (*TEXT, *COLUMNAR)


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The tables of a folder by split, as their names begin: train.csv, test-00000-of-00001..."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        word = file.name.lower().replace("_", "-").split(".")[0].split("-")[0]
        if is_table(file) and word in SPLITS:
            found.setdefault(SPLITS[word], []).append(file)
    return found


def read_table(path: Path, label: str | None = None, names: Collection[str] = ()) -> Frame:
    """A table whose columns are named by text: those of the file, or column_1, column_2...

    Text is read whatever its delimiter (tab, semicolon, bar, comma or spaces), quotes and
    compression, with a header or none. See ``MISSING`` for what stands for no value.

    Args:
        path: CSV, TSV, Parquet, Arrow or Feather.
        label: the column in which words such as NA and None are labels.
        names: of columns; a first row that holds them all is a header, even of numbers alone.

    Raises:
        UserError: it is none of these, damaged, or without rows.
    """
    try:
        is_text = path.suffix.lower() not in COLUMNAR
        frame = _text(path, label, names) if is_text else _columnar(path)
    except (*DAMAGE, csv.Error, ImportError) as error:  # .zst needs a package of its own
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(one_line(f"{path}: not a readable table ({why})")) from error
    if not len(frame) or not len(frame.columns):
        raise UserError(f"{path}: holds no rows")
    return frame


def _columnar(path: Path) -> Frame:
    import pyarrow as pa
    from pyarrow import feather, parquet

    if path.suffix.lower() in (".parquet", ".pq"):
        with parquet.ParquetFile(path) as file:
            table = file.read()
    else:
        try:
            table = feather.read_table(path, memory_map=True)
        except pa.ArrowInvalid:  # a stream of record batches, without Feather's foot
            table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    index = [name for name in table.column_names if name.startswith("__index_level_")]
    table = table.drop(index)
    _refuse_twice(table.column_names, path)
    return table.to_pandas(ignore_metadata=True)


def _text(path: Path, label: str | None, known: Collection[str]) -> Frame:
    """A table of text in UTF-8, UTF-16 with its mark, or what Windows' spreadsheets write."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return _decoded(path, label, known, "utf-16")
    try:
        return _decoded(path, label, known, "utf-8")
    except UnicodeDecodeError:
        return _decoded(path, label, known, "cp1252")


def _decoded(path: Path, label: str | None, known: Collection[str], encoding: str) -> Frame:
    import pandas as pd

    lines = _lines(path, encoding)
    delimiter = _delimiter(lines)
    rows = list(csv.reader(lines, delimiter=delimiter or " ", skipinitialspace=True))
    names = _named(rows[0])
    header = (bool(known) and set(known) <= set(names)) or _has_header(rows)
    names = names if header else _numbered(max(map(len, rows)))
    _refuse_twice(names, path)
    has_decimal_comma = _has_decimal_comma(rows, delimiter)
    if delimiter and encoding == "utf-8" and not has_decimal_comma and _are_numbers(rows[header:]):
        frame = _numbers(path, delimiter, names, header, label)
        if frame is not None:
            return frame
    missing = {name: [""] if name == label else list(MISSING) for name in names}
    return pd.read_csv(
        path,
        sep=delimiter or r"\s+",
        header=0 if header else None,
        names=names,
        na_values=missing,
        keep_default_na=False,
        skipinitialspace=True,
        decimal="," if has_decimal_comma else ".",
        encoding=encoding,
        low_memory=False,
    )


def _are_numbers(rows: Sequence[Sequence[str]]) -> bool:
    return all(is_number(cell) or cell in MISSING for row in rows for cell in row)


def _numbers(
    path: Path, delimiter: str, names: list[str], header: bool, label: str | None
) -> Frame | None:
    """A table of numbers alone, as pandas would read it but by all cores; None of any other."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    if path.suffix.lower() in PACKED:
        return None
    try:
        table = arrow.read_csv(
            path,
            arrow.ReadOptions(column_names=None if header else names),
            arrow.ParseOptions(delimiter=delimiter),
            arrow.ConvertOptions(null_values=list(MISSING)),
        )
    except pa.ArrowInvalid:
        return None
    plain = all(pa.types.is_int64(kind) or pa.types.is_float64(kind) for kind in table.schema.types)
    if not plain or _named(table.column_names) != names:
        return None
    if label in names and table.column(names.index(label)).null_count:
        return None
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame.set_axis(names, axis=1)


def _lines(path: Path, encoding: str) -> list[str]:
    """The first lines that are not empty."""
    import pandas as pd

    frame = pd.read_csv(
        path,
        sep=_NO_CHARACTER,
        header=None,
        quoting=csv.QUOTE_NONE,
        nrows=_LOOKED_AT,
        encoding=encoding,
        dtype=str,
        keep_default_na=False,
    )
    return [str(line) for line in frame[0]]


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
        (_are_numbers([column]) and any(map(is_number, column)))
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


def _named(cells: Sequence[str]) -> list[str]:
    """What a header calls columns; one without a name is called as pandas calls it."""
    return [cell.strip() or f"Unnamed: {number}" for number, cell in enumerate(cells)]


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{path}: two columns are called {show(twice[0])}; rename one of them")


def _numbered(width: int) -> list[str]:
    return [f"column_{number}" for number in range(1, width + 1)]


def is_number(cell: str) -> bool:
    """Whether text is one number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
