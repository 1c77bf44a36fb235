"""Accuracy against sample entropy, with the front."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moe_search.report.charts.canvas import BLUE, INK, PAPER, SOFT, YELLOW, canvas, short
from moe_search.report.charts.scales import fence
from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.report.results.trials import Mark, TrialPoint, complete, front, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART = (18, 10)  # points of type between numbers, across and down, that can be read


def pictures(report: Report) -> list[Picture]:
    """The trade of a search that has a complete trial, with its finalists and references."""
    best = front(complete(report.points))
    if not best:
        return []
    on_front = ", ".join(
        f"trial {point.trial} ({point.sample_entropy:.3f} bits, {point.accuracy:.4f})"
        for point in best
    )
    alt = f"Accuracy against sample entropy on validation. On the front are: {on_front}."
    chart = draw(report.points, marks(report.summary))
    return [Picture(f"{report.study.name}-front", alt, chart, live=True)]


def draw(points: Sequence[TrialPoint], marked: Sequence[Mark] = ()) -> bytes:
    """SVG: accuracy against sample entropy of the complete trials, with the front marked.

    Marks are what was measured on the test split: finalists, and the references beside them, of
    which those are named that no other one beats in both. Trials whose accuracy is an outlier
    (Tukey's fence, as in box plots) are counted: drawn, they would squeeze all others together.
    """
    best = front(complete(points))
    others = [point for point in complete(points) if point not in best]
    near = _without_outliers(others)
    with canvas(height=3.3) as drawn:
        (axis,) = drawn.axes
        circles = axis.plot(*_places(near), "o", ms=5, mfc="none", mec=SOFT, label="trial")
        drawn.name_trials(circles[0], [point.trial for point in near])
        if len(near) < len(others):
            below = f"{len(others) - len(near)} more far below"
            axis.text(0.99, 0.02, below, transform=axis.transAxes, ha="right", color=SOFT, size=8)
        axis.plot(*_places(best), color=BLUE, lw=1, drawstyle="steps-post")
        diamonds = axis.plot(*_places(best), "D", ms=6, color=BLUE, mec=PAPER, label="on the front")
        drawn.name_trials(diamonds[0], [point.trial for point in best])
        _draw_marks(axis, marked)
        axis.set_xlabel("sample entropy H_s, bits (less is more decided)")
        axis.set_ylabel("accuracy on validation" + (" (marks: on test)" if marked else ""))
        axis.margins(x=0.08, y=0.1)
        drawn.figure.legend(loc="outside upper center", ncols=4 if marked else 2)
        drawn.figure.draw_without_rendering()  # until then nothing has its place
        _number(axis, best, 72 / drawn.figure.dpi)
    return drawn.svg


def _draw_marks(axis: "Axes", marked: Sequence[Mark]) -> None:
    finalists = [mark for mark in marked if not mark.reference]
    references = [mark for mark in marked if mark.reference]
    for label, group, shape, colour in (
        ("finalist", finalists, "*", BLUE),
        ("reference", references, "X", YELLOW),
    ):
        if group:
            places = [m.sample_entropy for m in group], [m.accuracy for m in group]
            axis.plot(*places, shape, ms=9, color=colour, mec=PAPER, label=label)
    for mark in front(references):
        at = (mark.sample_entropy, mark.accuracy)
        axis.annotate(short(mark.name), at, (6, -8), textcoords="offset points", color=INK, size=7)


def _number(axis: "Axes", best: Sequence[TrialPoint], scale: float) -> None:
    """Number the points of a front to their upper left, where it has no other: first the ends."""
    numbered: list[tuple[float, float]] = []
    for point in (*best[:1], *best[:0:-1]):
        place = (point.sample_entropy, point.accuracy)
        x, y = axis.transData.transform(place) * scale
        if all(abs(x - u) > _APART[0] or abs(y - v) > _APART[1] for u, v in numbered):
            numbered.append((x, y))
            text = f"{point.trial}"
            axis.annotate(text, place, (-4, 3), textcoords="offset points", ha="right", color=INK)


def _without_outliers(points: Sequence[TrialPoint]) -> list[TrialPoint]:
    low = fence([point.accuracy for point in points])
    return [point for point in points if point.accuracy >= low]


def _places(points: Sequence[TrialPoint]) -> tuple[list[float], list[float]]:
    return [p.sample_entropy for p in points], [p.accuracy for p in points]
