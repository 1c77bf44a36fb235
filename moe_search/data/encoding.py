"""A table's rows as features, by a rule that training fits and the model keeps.

A number is a feature. A category is a feature of zeros and ones of its own. What is missing becomes
the median of the training rows' numbers, or no category; and where training rows miss a column's
values, whether a row does is one more feature.

Shape suffixes: B row, F feature.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, StrictFloat

from moe_search.data.columns import Kind
from moe_search.data.files.tables import Frame, has_decimal_comma
from moe_search.data.frame_rows import FrameRows
from moe_search.data.samples import has_float32_range
from moe_search.spec.base import Section
from moe_search.words import show


class ColumnEncoding(Section):
    """How one column becomes features."""

    name: str
    kind: Literal["number", "category"]
    missing: StrictBool = Field(description="whether a missing value is a feature of its own")
    median: StrictFloat = Field(0.0, description="of a number in training, for what is missing")
    categories: tuple[str, ...] = ()


class Encoding(Section):
    """How a table's rows become features."""

    columns: tuple[ColumnEncoding, ...] = Field(min_length=1)
    decimal_comma: StrictBool = Field(False, description="whether its file had numbers with one")

    @classmethod
    def fit(cls, frame: Frame | FrameRows, kinds: Mapping[str, Kind]) -> Self:
        """The encoding of columns of known kinds, by the rows of training alone."""
        columns = tuple(_fit(frame[name], name, kind) for name, kind in kinds.items())
        return cls(columns=columns, decimal_comma=has_decimal_comma(frame))

    @property
    def features(self) -> tuple[str, ...]:
        """What each feature is."""
        return tuple(
            name
            for column in self.columns
            for name in (
                *([column.name] if column.kind == "number" else ()),
                *(f"{column.name}={value}" for value in column.categories),
                *([f"{column.name} is missing"] if column.missing else ()),
            )
        )

    def encode(self, frame: Frame | FrameRows) -> npt.NDArray[np.float64]:
        """Features [B, F] of rows; other columns than those of training are left out.

        Raises:
            ValueError: a column is lacking, or a number's holds other text.
        """
        lacking = [column.name for column in self.columns if column.name not in frame.columns]
        if lacking:
            raise ValueError(f"has no column {', '.join(lacking)}")
        x_FB = np.empty((len(self.features), len(frame)))  # a column's values beside each other
        every = (part for column in self.columns for part in _encode(column, frame[column.name]))
        for number, feature_B in enumerate(every):
            x_FB[number] = feature_B
        return x_FB.T

    def unknown(self, values: Any) -> str:
        """Says in which columns rows, such as ``rows`` takes, hold categories that are new."""
        frame = values if isinstance(values, FrameRows) else self.rows(values)
        columns = [column for column in self.columns if column.kind == "category"]
        told = [(column.name, _unknown(column, frame[column.name])) for column in columns]
        return "; ".join(
            f"column {name}: {len(unknown):,} rows hold values that training had not, such as "
            f"{show(unknown[0])}"
            for name, unknown in told
            if unknown
        )

    def rows(self, values: Any) -> Frame:
        """Rows as a data frame, from one or many; whatever names its values is read by name.

        Args:
            values: a data frame or an Arrow table; a record (mapping, series, named tuple) or a
                list of them; columns by name; a structured array; or values in the columns' order.

        Raises:
            ValueError: they are none of these, or two columns have one name.
        """
        names = [column.name for column in self.columns]
        frame = _frame(values, names)
        numbered = list(frame.columns) == list(range(len(names)))
        called = names if numbered else list(map(str, frame.columns))
        _refuse_twice([name for name in called if name in names])
        return frame.set_axis(called, axis=1)


def from_arrow(values: Any) -> Any:
    """A table of Arrow's, of whichever library, as a data frame; other values as they are.

    Raises:
        ValueError: it is one of Arrow's, but no table.
    """
    if not hasattr(values, "__arrow_c_stream__"):
        return values
    import pandas as pd
    import pyarrow as pa

    if isinstance(values, pd.DataFrame | pd.Series):
        return values
    return pa.table(values).to_pandas(ignore_metadata=True)


def _frame(values: Any, names: Sequence[str]) -> Frame:
    """Values as a data frame whose columns have the values' own names, or else are numbered."""
    import pandas as pd

    values = from_arrow(values)
    if isinstance(values, pd.Series):
        values = values.to_frame() if values.name in names else _record(values)
    if isinstance(values, pd.DataFrame):
        return values
    if isinstance(values, Mapping) and any(map(pd.api.types.is_list_like, values.values())):
        return pd.DataFrame(values)
    if _is_record(values):
        return pd.DataFrame([_record(values)])
    if isinstance(values, Sequence) and values and all(map(_is_record, values)):
        return pd.DataFrame(list(map(_record, values)))
    return pd.DataFrame(_array(values, names))


def _array(values: Any, names: Sequence[str]) -> npt.NDArray[Any]:
    """Rows as an array [B, columns], or a structured one [B]."""
    array = np.asarray(values)
    if array.dtype.names:
        return np.atleast_1d(array)
    if array.dtype.kind == "U":  # which makes text of numbers and of what is missing
        array = np.asarray(values, object)
    array = array[np.newaxis] if array.ndim == 1 else array
    if array.ndim != 2:
        raise ValueError(f"an array {[*array.shape]}, but the model takes rows of {[*names]}")
    return array


def _is_record(value: Any) -> bool:
    """Whether it has its values by name: a mapping, a series, a database's row, a named tuple."""
    return hasattr(value, "keys") or hasattr(value, "_fields")


def _record(value: Any) -> dict[Any, Any]:
    keys = list(value._fields if hasattr(value, "_fields") else value.keys())
    _refuse_twice(keys)
    return dict(zip(keys, value, strict=True)) if hasattr(value, "_fields") else dict(value)


def _refuse_twice(names: Sequence[Any]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"two columns are called {show(str(twice[0]))}; rename one of them")


def _fit(values: Any, name: str, kind: Kind) -> ColumnEncoding:
    missing = bool(values.isna().any())
    if kind == "category":
        categories = tuple(sorted(set(_texts(values.dropna()))))
        return ColumnEncoding(name=name, kind=kind, missing=missing, categories=categories)
    numbers = _numbers(values, name)
    median = float(np.nanmedian(numbers)) if not np.isnan(numbers).all() else 0.0
    return ColumnEncoding(name=name, kind=kind, missing=missing, median=median)


def _encode(column: ColumnEncoding, values: Any) -> Iterator[npt.NDArray[Any]]:
    """The features of one column, each [B]."""
    import pandas as pd

    values = _known(column, values)
    is_missing = values.isna().to_numpy()
    if column.kind == "number":
        numbers = _numbers(values, column.name)
        is_missing = np.isnan(numbers)
        numbers[is_missing] = column.median
        yield numbers
    else:
        texts = np.full(len(values), None, object)
        texts[~is_missing] = _matched(column, values[~is_missing])
        codes = pd.Index(column.categories, dtype=object).get_indexer(texts)
        for code in range(len(column.categories)):
            yield codes == code
    if column.missing:
        yield is_missing


def _known(column: ColumnEncoding, values: Any) -> Any:
    """The same, with blank text as missing, as files have it, unless training had it as text."""
    if values.dtype.kind != "O" or "" in column.categories:
        return values
    blank = [isinstance(value, str) and not value.strip() for value in values]
    return values.mask(blank) if any(blank) else values


def _unknown(column: ColumnEncoding, values: Any) -> list[str]:
    """Each row's category where training had it not."""
    matched = _matched(column, _known(column, values).dropna())
    return [text for text in matched if text not in column.categories]


def _matched(column: ColumnEncoding, values: Any) -> list[str]:
    """Categories as text; 1.0 is 1 where training had 1, as pandas writes it beside a gap."""
    known = set(column.categories)
    whole = {f"{text}.0": text for text in known if f"{text}.0" not in known}
    return [whole.get(text, text) for text in _texts(values)]


def _numbers(values: Any, name: str) -> npt.NDArray[np.float64]:
    """A column's numbers as float64, NaN where one is missing.

    Raises:
        ValueError: it holds other text.
    """
    import pandas as pd

    plain = values if values.dtype.kind in "iufb" else values.astype(object).map(_number)
    numbers = pd.to_numeric(plain, errors="coerce")
    wrong = numbers.isna() & values.notna()
    if wrong.any():
        raise ValueError(f"column {name}: {values[wrong].iloc[0]!r} is no number")
    found: npt.NDArray[np.float64] = numbers.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    if not has_float32_range(found[~np.isnan(found)]):
        raise ValueError(f"column {name}: holds numbers that are infinite or too large for float32")
    return found


def _number(value: Any) -> Any:
    """A number, or text that may be one; 0 and 1 for false and true; None of all else."""
    if isinstance(value, bool | np.bool_ | str):
        return {"false": 0, "true": 1}.get(str(value).strip().lower(), value)
    return value if isinstance(value, Real | Decimal) else None


def _texts(values: Any) -> list[str]:
    """Categories as text, whether they come as text or as whole numbers of any type."""
    distinct = {value: _text(value) for value in values.unique()}
    return [distinct[value] for value in values]


def _text(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()
