"""What a table's columns hold, and which of them can be learned from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Literal

from moe_search.data.dataset import Ints
from moe_search.data.files.layout import is_number
from moe_search.data.files.tables import Frame
from moe_search.data.samples import has_float32_range
from moe_search.errors import UserError
from moe_search.words import show

Kind = Literal["number", "category"]
"""What a column that can be learned from holds; true and false are numbers."""

MOST_CATEGORIES = 50
"""In one column: each is a feature of its own."""

_TOO_LARGE = "numbers that are infinite or too large for float32"
_LOOKED_AT = 1000  # values, which tell dates
_MOSTLY = 0.9  # share of numbers, from which other text among them is a slip
_MONTH = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?"
    r"|nov(ember)?|dec(ember)?)\.?"
)
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?"
    r"|\d{1,2}:\d{2}(:\d{2})?.*|(19|20)\d{2}[-/](0[1-9]|1[0-2])|\d{8}T\d{4,6}Z?"
    rf"|(\d{{1,2}}[-/. ]+)?{_MONTH}[-/., ]+(\d{{1,2}},?[ ]+)?\d{{2,4}}",
    re.IGNORECASE,
)
_WRITTEN = re.compile(r"[-+]?[$€£]?\s?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?\s?[%$€£]?")
_IDENTIFIER = re.compile(r"(.*[_ -])?(id|ids|uuid|guid|index|idx|key|nr|no|unnamed: \d+)", re.I)
_IDENTIFIER_CAMEL = re.compile(r".*[a-z](Id|ID|UUID|Key)")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        kind: what it holds; None where it cannot be learned from.
        why_not: why it cannot, or had better not, in words.
        identifies: whether it only numbers or names its rows.
    """

    name: str
    kind: Kind | None
    why_not: str = ""
    identifies: bool = False


def look_at(frame: Frame, name: str, training: Ints | None = None) -> Column:
    """What a column of a data frame holds.

    Args:
        training: numbers of the rows of training, where those of other splits are numbered anew.
    """
    from pandas.api import types

    values = frame[name].dropna()
    if not len(values):
        return Column(name, None, "no values")
    if training is not None and frame[name].iloc[training].isna().all():
        return Column(name, None, "no values in training")
    kind = values.dtype
    if types.is_bool_dtype(kind):
        return Column(name, "number")
    parts = [frame[name]] if training is None else [frame[name], frame[name].iloc[training]]
    if types.is_numeric_dtype(kind) and not types.is_complex_dtype(kind):
        return _number(name, values, parts)
    if types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind):
        return Column(name, None, "dates or times")
    return _look_at_objects(name, values, parts)


def look_at_each(
    frame: Frame,
    names: Iterable[str],
    training: Ints | None = None,
    lacking: Mapping[str, str] | None = None,
) -> list[Column]:
    """What each of some columns holds.

    Args:
        training: as ``look_at`` takes it.
        lacking: columns that a part of the rows does not have; which, in words.
    """
    return [
        Column(name, None, lacking[name])
        if lacking and name in lacking
        else look_at(frame, name, training)
        for name in names
    ]


def learnable(
    frame: Frame,
    names: Iterable[str],
    where: str,
    training: Ints | None = None,
    lacking: Mapping[str, str] | None = None,
    chosen: bool = False,
) -> dict[str, Kind]:
    """What each of some columns holds, all of which are to be features.

    Args:
        training, lacking: as ``look_at_each`` takes them.
        chosen: whether the study names the columns, so that they may also number rows.

    Raises:
        UserError: some cannot be learned from, or had better not; all are named.
    """
    columns = look_at_each(frame, names, training, lacking)
    wrong = [one for one in columns if one.kind is None or (one.identifies and not chosen)]
    if wrong:
        each = "; ".join(f"{column.name} ({column.why_not})" for column in wrong)
        drop = ", ".join(column.name for column in wrong)
        numbered = ", ".join(column.name for column in wrong if column.kind)
        raise UserError(
            f"{where}: cannot learn from {each}; mend them, or give data.drop: [{drop}]"
            + (f"; data.features may name {numbered}" if numbered else "")
        )
    return {column.name: column.kind for column in columns if column.kind}


def _look_at_objects(name: str, values: Any, parts: Sequence[Any]) -> Column:
    """What a column of text, categories or other objects holds."""
    match values.iloc[0]:
        case Decimal():
            return _number(name, values, parts)
        case date() | time():
            return Column(name, None, "dates or times")
        case str() | int() | float():
            return _look_at_words(name, list(values.unique()), parts)
        case other:
            return Column(name, None, f"values of the type {type(other).__name__}")


def _look_at_words(name: str, distinct: list[Any], parts: Sequence[Any]) -> Column:
    """What a column of text holds, by the values that are different in it."""
    import pandas as pd

    words = [str(value).strip() for value in distinct]
    read = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce")  # as encodings do
    numbers = read.notna().tolist()
    identifies = any(_differs(part) and len(part) > 2 for part in parts)
    why_not = ""
    if all(numbers):
        return _number(name, read, parts)
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


def written_number(values: Any) -> str | None:
    """One of a column's categories, where all are numbers with signs, such as 5% or 1,500."""
    words = [str(value).strip() for value in values.dropna().unique()]
    if not all(map(_WRITTEN.fullmatch, words)):
        return None
    return next((word for word in words if not is_number(word)), None)


_LABELS = ("label", "labels", "target", "targets", "class", "classes", "y", "species", "outcome")
_FEW = 20


def likely_label(frame: Frame) -> str | None:
    """The column that is most likely to be predicted: by its name, or the last of few values."""
    by_name = {name.lower().strip(): name for name in frame.columns}
    for name in _LABELS:
        if name in by_name:
            return str(by_name[name])
    for name in reversed(frame.columns):
        if look_at(frame, name).kind is None or frame[name].dtype.kind == "f":
            continue
        if 2 <= frame[name].nunique() <= min(_FEW, len(frame) / 2):
            return str(name)
    return None


def _number(name: str, numbers: Any, parts: Sequence[Any]) -> Column:
    """A column of numbers, which may be those of its rows, or none that a model can take."""
    if not has_float32_range(numbers.to_numpy(dtype=float)):
        return Column(name, None, _TOO_LARGE)
    identifies = any(_numbers_rows(name, part) for part in parts)
    return Column(name, "number", "one of its own in every row" if identifies else "", identifies)


def _numbers_rows(name: str, values: Any) -> bool:
    """Whether whole numbers are one of its own in each row, with no gap or by their name."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.dtype.kind not in "iu" or not _differs(numbers):
        return False
    named = _IDENTIFIER.fullmatch(name) or _IDENTIFIER_CAMEL.fullmatch(name)
    span = int(numbers.max()) - int(numbers.min()) + 1
    return bool(named) or (span == len(numbers) > 2)


def _differs(values: Any) -> bool:
    """Whether each row has a value of its own."""
    return len(values) > 0 and bool(values.notna().all()) and bool(values.is_unique)
