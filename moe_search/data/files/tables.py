"""Files of rows and columns, read through pandas and pyarrow as a data frame.

A data frame is ``Any`` here: pandas is imported only where one is read.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from moe_search.data.files.damage import DAMAGE
from moe_search.data.files.layout import MISSING, Layout, as_number, header_names, layout_of
from moe_search.errors import UserError
from moe_search.progress import Note, Progress, silent
from moe_search.words import one_line, show

Frame = Any
"""A pandas.DataFrame."""

TEXT = (".csv", ".tsv", ".tab", ".txt", ".data")
COLUMNAR = (".parquet", ".pq", ".feather", ".arrow", ".ipc")
PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
COMMA = "decimal_comma"
"""Attribute of a data frame: whether the numbers of its file were written with a comma."""

_MARKS = {
    b"PAR1": "Parquet; let its name end in .parquet",
    b"ARROW1": "Arrow or Feather; let its name end in .arrow",
    b"PK\3\4": "a workbook, such as .xlsx, or a .zip file; save the table in it as CSV",
    b"\x1f\x8b": "packed; let its name end in .gz",
}
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_LOOKED_AT = 200  # lines, which tell the delimiter and whether there is a header
_NO_CHARACTER = "\x1f"  # that stands in no table, so that a line is read whole


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table, perhaps a compressed one."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in (*TEXT, *COLUMNAR)


def why_no_table(path: Path) -> str | None:
    """Why a file of rows, or a folder of such files, cannot be read, and what to do instead.

    None where it is neither.
    """
    if path.suffix.lower() in _WORKBOOKS:
        return f"a workbook ({path.suffix}) is not read; save the sheet as CSV"
    below = path.rglob("*") if path.is_dir() else ()
    if file := next(filter(is_table, below), None):
        return (
            f"holds tables, such as {file.relative_to(path)}, but none whose name begins with "
            "train; write them as one file, or as train.parquet, test.parquet"
        )
    return None


def read_table(
    path: Path,
    label: str | None = None,
    names: Collection[str] = (),
    texts: Collection[str] = (),
    progress: Progress = silent,
    decimal_comma: bool = False,
) -> Frame:
    """A table whose columns are named by text: those of the file, or column_1, column_2...

    Text is read whatever its delimiter (tab, semicolon, bar, comma or spaces), quotes and
    compression, with a header or none. See ``MISSING`` for what stands for no value.

    Args:
        path: CSV, TSV, Parquet, Arrow or Feather.
        label: the column in which words such as NA and None are labels.
        names: of columns; a first row that holds them all is a header, even of numbers alone.
        texts: columns that are text in a file of text, even if they look like numbers.
        progress: is told of a first row that may be a header or data.
        decimal_comma: whether numbers are likely to have one, where a file of text does not tell.

    Raises:
        UserError: it is none of these, damaged, or without rows.
    """
    try:
        if is_text(path):
            frame = _text(path, label, names, texts, progress, decimal_comma)
        else:
            frame = _columnar(path)
    except (*DAMAGE, csv.Error, ImportError) as error:  # .zst needs a package of its own
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(one_line(f"{path}: not a readable table ({why})")) from error
    if not len(frame) or not len(frame.columns):
        raise UserError(f"{path}: holds no rows")
    return frame


def has_decimal_comma(frame: Frame) -> bool:
    """Whether the numbers of a table that was read were written with a comma."""
    return bool(frame.attrs.get(COMMA, False))


def is_text(path: Path) -> bool:
    """Whether a file is one of text, by its name."""
    return path.suffix.lower() not in COLUMNAR


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
    names = table.column_names
    _refuse_twice(names, path)
    return _stripped(table.to_pandas(ignore_metadata=True), {name: [""] for name in names})


def _text(
    path: Path,
    label: str | None,
    known: Collection[str],
    texts: Collection[str],
    progress: Progress,
    decimal_comma: bool,
) -> Frame:
    """A table of text in UTF-8, UTF-16 with its mark, or what Windows' spreadsheets write."""
    with path.open("rb") as file:
        start = file.read(8)
    _refuse_others(path, start)
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    given = path, label, known, texts, decimal_comma
    try:
        layout, frame = _decoded(*given, "utf-16" if marked else "utf-8")
    except UnicodeDecodeError:
        layout, frame = _decoded(*given, "cp1252")
    frame.attrs[COMMA] = layout.decimal_comma
    if layout.counted:
        first = ", ".join(layout.names[:3])
        progress(
            Note(
                f"{path}: the first row ({first}...) counts the columns, so it is taken for their "
                "names; if it is data, put a row of names above it"
            )
        )
    return frame


def _refuse_others(path: Path, start: bytes) -> None:
    """Says what a file is that is no text, by its name or by the bytes it starts with."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] and suffixes[-1] in PACKED:
        if suffixes[-2:-1] and suffixes[-2] in COLUMNAR:
            raise ValueError(f"it is {suffixes[-2]} within {suffixes[-1]}; unpack it first")
        return
    for mark, what in _MARKS.items():
        if start.startswith(mark):
            raise ValueError(f"by its first bytes it is {what}")


def _decoded(
    path: Path,
    label: str | None,
    known: Collection[str],
    texts: Collection[str],
    decimal_comma: bool,
    encoding: str,
) -> tuple[Layout, Frame]:
    layout = layout_of(_lines(path, encoding), known, decimal_comma)
    _refuse_twice(layout.names, path)
    text = [n for n in layout.names if n in texts or (n == label and layout.has_codes(n))]
    if layout.delimiter and layout.numbers and encoding == "utf-8" and not text:
        frame = _numbers(path, layout.delimiter, layout.names, layout.header, label)
        if frame is not None:
            return layout, frame
    return layout, _words(path, layout, label, text, encoding)


def _words(
    path: Path, layout: Layout, label: str | None, texts: Collection[str], encoding: str
) -> Frame:
    """A table of any kind, some columns of it as text whatever they hold."""
    import pandas as pd

    spare = [f"{_NO_CHARACTER}{number}" for number in range(layout.spare)]
    names = [*layout.names, *spare]
    missing = {name: [""] if name in (label, *spare) else list(MISSING) for name in names}
    frame = pd.read_csv(
        path,
        sep=layout.delimiter or r"\s+",
        header=0 if layout.header else None,
        names=names,
        dtype=dict.fromkeys(texts, str),
        na_values=missing,
        keep_default_na=False,
        skipinitialspace=True,
        decimal="," if layout.decimal_comma else ".",
        encoding=encoding,
        low_memory=False,
    )
    if frame[spare].notna().any(axis=None):
        raise ValueError(f"its header names {len(layout.names)} columns, but a row has more cells")
    frame = _stripped(frame.drop(columns=spare), missing)
    if layout.decimal_comma:
        _read_thousands(frame, {label, *texts})
    return frame


def _read_thousands(frame: Frame, others: Collection[str | None]) -> None:
    """Makes numbers of columns, but some others, whose numbers have points between thousands."""
    import pandas as pd

    for name in frame.columns.difference([*others]):
        values = frame[name].dropna()
        numbers = [as_number(str(value)) for value in values]
        if frame[name].dtype.kind == "O" and len(values) and None not in numbers:
            frame[name] = pd.Series(numbers, values.index, dtype=float).reindex(frame.index)


def _stripped(frame: Frame, missing: Mapping[str, list[str]] | None = None) -> Frame:
    """Text without spaces around it, which no eye sees, and which hide a missing value."""
    for name in frame.columns[[kind.kind == "O" for kind in frame.dtypes]]:
        values = frame[name].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
        frame[name] = values.mask(values.isin(missing[name])) if missing else values
    return frame


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
    if not plain or header_names(table.column_names) != names:
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


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{path}: two columns are called {show(twice[0])}; rename one of them")
