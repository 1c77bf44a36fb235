"""What a table's columns hold, and which of them can be learned from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Literal

from moe_search.data.files.tables import Frame
from moe_search.errors import UserError
from moe_search.words import show

Kind = Literal["number", "category"]
"""What a column that can be learned from holds; true and false are numbers."""

MOST_CATEGORIES = 50
"""In one column: each is a feature of its own."""

_INFINITE = "infinite numbers"
_LOOKED_AT = 1000  # values, which tell dates
_MOSTLY = 0.9  # share of numbers, from which other text among them is a slip
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?"
    r"|\d{1,2}:\d{2}(:\d{2})?.*"
)
_IDENTIFIER = re.compile(r"(.*[_ -])?(id|ids|uuid|guid|index|idx|key|nr|no|unnamed: \d+)", re.I)
_IDENTIFIER_CAMEL = re.compile(r".*[a-z](Id|ID|UUID|Key)")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        kind: what it holds; None where it cannot be learned from.
        why_not: why it cannot, in words.
        identifies: whether it only numbers or names its rows.
    """

    name: str
    kind: Kind | None
    why_not: str = ""
    identifies: bool = False


def look_at(frame: Frame, name: str) -> Column:
    """What a column of a data frame holds."""
    from pandas.api import types

    values = frame[name].dropna()
    if not len(values):
        return Column(name, None, "no values")
    kind = values.dtype
    if types.is_bool_dtype(kind):
        return Column(name, "number")
    if types.is_numeric_dtype(kind) and not types.is_complex_dtype(kind):
        if types.is_float_dtype(kind) and not _is_finite(values):
            return Column(name, None, _INFINITE)
        return Column(name, "number", identifies=_numbers_rows(name, values, len(frame)))
    if types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind):
        return Column(name, None, "dates or times")
    return _look_at_objects(name, values, len(frame))


def learnable(frame: Frame, names: Iterable[str], where: str) -> dict[str, Kind]:
    """What each of some columns holds.

    Raises:
        UserError: some cannot be learned from; all are named.
    """
    columns = [look_at(frame, name) for name in names]
    wrong = [column for column in columns if column.kind is None]
    if wrong:
        each = "; ".join(f"{column.name} ({column.why_not})" for column in wrong)
        drop = ", ".join(column.name for column in wrong)
        raise UserError(
            f"{where}: cannot learn from {each}; mend them, or give data.drop: [{drop}]"
        )
    return {column.name: column.kind for column in columns if column.kind}


def _look_at_objects(name: str, values: Any, rows: int) -> Column:
    """What a column of text, categories or other objects holds."""
    match values.iloc[0]:
        case Decimal():
            return Column(name, "number")
        case date() | time():
            return Column(name, None, "dates or times")
        case str() | int() | float():
            return _look_at_words(name, list(values.unique()), rows)
        case other:
            return Column(name, None, f"values of the type {type(other).__name__}")


def _look_at_words(name: str, distinct: list[Any], rows: int) -> Column:
    """What a column of text holds, by the values that are different in it."""
    import pandas as pd

    words = [str(value).strip() for value in distinct]
    read = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce")  # as encodings do
    numbers = read.notna().tolist()
    identifies = len(distinct) == rows and rows > 2
    why_not = ""
    if all(numbers):
        return Column(name, "number") if _is_finite(read) else Column(name, None, _INFINITE)
    if sum(numbers) >= _MOSTLY * len(distinct):
        why_not = f"numbers, but also {show(words[numbers.index(False)])}"
    elif all(_DATE.fullmatch(word) for word in words[:_LOOKED_AT]):
        why_not = "dates or times"
    elif sum(" " in word for word in words) > len(words) / 2 and len(words) > MOST_CATEGORIES:
        why_not = "free text"
    elif identifies:
        why_not = "a text of its own in every row"
    elif len(distinct) > MOST_CATEGORIES:
        why_not = f"{len(distinct):,} categories, more than {MOST_CATEGORIES}"
    return Column(name, None if why_not else "category", why_not, identifies)


_LABELS = ("label", "labels", "target", "targets", "class", "classes", "y", "species", "outcome")
_FEW = 20


def likely_label(frame: Frame) -> str | None:
    """The column that is most likely to be predicted: by its name, or the last of few values."""
    by_name = {name.lower().strip(): name for name in frame.columns}
    for name in _LABELS:
        if name in by_name:
            return str(by_name[name])
    for name in reversed(frame.columns):
        column, distinct = look_at(frame, name), frame[name].nunique()
        whole = frame[name].dtype.kind != "f"
        if column.kind and whole and 2 <= distinct <= min(_FEW, len(frame) / 2):
            return str(name)
    return None


def _is_finite(values: Any) -> bool:
    import numpy as np

    return bool(np.isfinite(values.to_numpy(dtype=float)).all())


def _numbers_rows(name: str, values: Any, rows: int) -> bool:
    """Whether whole numbers are one of its own in each row, in order or by their name."""
    if values.dtype.kind not in "iu" or len(values) < rows or not values.is_unique:
        return False
    named = _IDENTIFIER.fullmatch(name) or _IDENTIFIER_CAMEL.fullmatch(name)
    return bool(named) or bool((values.diff().dropna() == 1).all() and rows > 2)
