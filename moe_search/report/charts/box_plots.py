"""Box plots of a comparison: what each row's runs reached, as its runs scatter."""

import math
from collections.abc import Mapping, Sequence

from moe_search.report.charts.canvas import BLUE, INK, SOFT, canvas, short
from moe_search.report.page import Picture
from moe_search.report.results.rows import RowResult
from moe_search.report.results.study import Report
from moe_search.report.text.rows import COLUMNS, one_network
from moe_search.spec.kinds.metrics import COMPARED

Line = tuple[list[float], list[float]]
"""The places of its points, across and up; a gap is NaN."""

_SHOWN = COMPARED[:4]  # as many panels as stay readable beside each other
_MOST = 60  # rows: a picture of 100 has more than a megabyte


def fit(rows: Sequence[RowResult]) -> bool:
    """Whether there are rows, and not more than a picture has room for."""
    return 0 < len(rows) <= _MOST


def pictures(report: Report) -> list[Picture]:
    """A comparison's runs, if they fit."""
    if not fit(report.rows):
        return []
    name = report.study.name
    alt = f"Box plots of the runs of each row of {name}; their means are in the table above."
    return [Picture(f"{name}-runs", alt, draw(report.rows), fine=True)]


def draw(rows: Sequence[RowResult]) -> bytes:
    """SVG with a panel for each metric and a box for each row.

    A box holds the middle half of the runs with their median, whiskers reach to the last run
    within one and a half times its height, and dots are the runs themselves.
    """
    with canvas(height=0.9 + 0.27 * len(rows), width=11, columns=len(_SHOWN)) as drawn:
        places = list(range(len(rows), 0, -1))
        for axis, metric in zip(drawn.axes, _SHOWN, strict=True):
            values = [
                [] if one_network(row, metric) else [run.metrics[metric] for run in row.runs]
                for row in rows
            ]
            at_places = dict(zip(places, values, strict=True))
            outline, medians = _boxes(at_places)
            axis.plot(*outline, color=SOFT)
            axis.plot(*medians, color=INK, lw=2)
            dots = [(run, place) for place, runs in at_places.items() for run in runs]
            axis.plot(*zip(*dots, strict=True), "o", ms=3, color=BLUE, zorder=3)
            axis.set_title(COLUMNS[metric])
            axis.grid(axis="y", visible=False)
        drawn.axes[0].set_yticks(places, [short(row.name, 34) for row in rows])
    return drawn.svg


_HALF = 0.3  # of a box's width


def _boxes(runs: Mapping[int, Sequence[float]]) -> tuple[Line, Line]:
    """Boxes with their whiskers, and their medians, at their places: one line each, with gaps.

    Matplotlib's own box plot is six paths a box, which makes pictures of many boxes large.
    """
    from matplotlib.cbook import boxplot_stats

    outline: Line = ([], [])
    medians: Line = ([], [])
    for place, values in runs.items():
        if not values:
            continue
        (found,) = boxplot_stats(values)
        low, high, left, right = found["whislo"], found["whishi"], found["q1"], found["q3"]
        below, above, cap = place - _HALF, place + _HALF, _HALF / 2
        for at in (low, high):
            _draw(outline, (at, place - cap), (at, place + cap))
        _draw(outline, (low, place), (left, place))
        _draw(outline, (right, place), (high, place))
        corners = [(left, below), (left, above), (right, above), (right, below), (left, below)]
        _draw(outline, *corners)
        _draw(medians, (found["med"], below), (found["med"], above))
    return outline, medians


def _draw(line: Line, *points: tuple[float, float]) -> None:
    """Add a piece, and the gap after it."""
    for all_of, ours in zip(line, zip(*points, strict=True), strict=True):
        all_of.extend((*ours, math.nan))
