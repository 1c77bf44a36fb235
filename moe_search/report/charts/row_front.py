"""A comparison's rows as points: test error against sample entropy, with the front."""

from collections.abc import Sequence

from moe_search.report.charts.canvas import BLUE, INK, PAPER, SOFT, canvas, short
from moe_search.report.page import Picture
from moe_search.report.results.rows import RowResult
from moe_search.report.results.study import Report
from moe_search.report.results.trials import Mark, front

_FEWEST = 3  # rows that make a picture


def pictures(report: Report) -> list[Picture]:
    """The trade between the rows, where several have experts."""
    points = _points(report.rows)
    if len(points) < _FEWEST:
        return []
    best = front(points)
    on_front = ", ".join(
        f"{point.name} ({point.sample_entropy:.3f} bits, {1 - point.accuracy:.4f})"
        for point in best
    )
    alt = f"Test error against sample entropy, a point a row. On the front are: {on_front}."
    return [Picture(f"{report.study.name}-front", alt, draw(points))]


def draw(points: Sequence[Mark]) -> bytes:
    """SVG: mean test error against mean sample entropy; rows that none beats in both are named."""
    best = front(points)
    others = [point for point in points if point not in best]
    with canvas(height=3.6, width=6.5) as drawn:
        (axis,) = drawn.axes
        axis.plot(*_places(others), "o", ms=5, mfc="none", mec=SOFT, label="row")
        axis.plot(*_places(best), color=BLUE, lw=1, drawstyle="steps-post")
        axis.plot(*_places(best), "D", ms=6, color=BLUE, mec=PAPER, label="on the front")
        for number, point in enumerate(best, 1):
            place = (point.sample_entropy, 1 - point.accuracy)
            offset = (5, 4)
            axis.annotate(f"{number}", place, offset, textcoords="offset points", color=INK)
            text = f"{number}  {short(point.name, 44)}"
            axis.plot([], [], " ", label=text)
        axis.set_xlabel("sample entropy H_s, bits (less is more decided)")
        axis.set_ylabel("test error")
        axis.margins(x=0.06, y=0.08)
        drawn.figure.legend(loc="outside lower left", ncols=2)
    return drawn.svg


def _points(rows: Sequence[RowResult]) -> list[Mark]:
    """Means over the runs of every row that has experts."""
    return [
        Mark(row.name, 1 - row.spread("error").mean, row.spread("sample_entropy").mean, False)
        for row in rows
        if row.experts > 1
    ]


def _places(points: Sequence[Mark]) -> tuple[list[float], list[float]]:
    return [p.sample_entropy for p in points], [1 - p.accuracy for p in points]
