"""Rows of a data frame, of which a column is copied when it is asked for.

Shape suffixes: N row.
"""

from typing import Any

from moe_search.data.dataset import Ints
from moe_search.data.files.tables import Frame


class FrameRows:
    """Some rows of a data frame: to choose among them again and again copies none of its columns.

    Args:
        frame: all rows.
        index_N: which of them these are.
    """

    def __init__(self, frame: Frame, index_N: Ints) -> None:
        self._frame, self._index_N = frame, index_N

    @property
    def columns(self) -> Any:
        """Their names, as the data frame has them: one among thousands is found at once."""
        return self._frame.columns

    @property
    def attrs(self) -> dict[Any, Any]:
        """What is known of all rows."""
        return dict(self._frame.attrs)

    def __len__(self) -> int:
        return len(self._index_N)

    def __getitem__(self, name: str) -> Any:
        """A column's values in these rows, a series."""
        return self._frame[name].take(self._index_N)

    def chosen(self, index_N: Ints) -> "FrameRows":
        """Some of them."""
        return FrameRows(self._frame, self._index_N[index_N])
