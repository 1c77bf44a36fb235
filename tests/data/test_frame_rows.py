"""Rows of a data frame that are chosen again and again."""

import numpy as np
import pandas as pd
from hypothesis import given, strategies

from moe_search.data.dataset import Split
from moe_search.data.frame_rows import FrameRows
from moe_search.data.mapped import chosen

FRAME = pd.DataFrame({"number": np.arange(40) / 4, "word": [f"w{n % 7}" for n in range(40)]})


@given(strategies.permutations(range(40)), strategies.permutations(range(9)))
def test_rows_chosen_twice_are_those_that_pandas_gives(first: list[int], second: list[int]) -> None:
    whole = Split(FrameRows(FRAME, np.arange(40)), np.arange(40))
    some = chosen(chosen(whole, np.array(first[:9])), np.array(second[:4]))
    expected = FRAME.iloc[first[:9]].iloc[second[:4]]
    assert some.y.tolist() == expected.index.tolist()
    assert (len(some.x), list(some.x.columns)) == (4, ["number", "word"])
    for name in FRAME.columns:
        assert some.x[name].tolist() == expected[name].tolist()


def test_to_choose_reads_no_column() -> None:
    rows = FrameRows(None, np.arange(5))  # without a frame, to read one would fail
    assert len(rows.chosen(np.array([4, 2]))) == 2
