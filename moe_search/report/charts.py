"""The charts of a report, as SVG."""

from collections.abc import Sequence
from itertools import accumulate
from statistics import quantiles
from typing import TYPE_CHECKING

from moe_search.report.canvas import BLUE, INK, PAPER, SOFT, YELLOW, canvas
from moe_search.report.importances import Importances
from moe_search.report.points import Mark, Point, complete, front
from moe_search.search.ranking import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 30  # letters of a name at the side of a chart
_FEW = 8  # trials, too few to tell outliers
_APART = (18, 10)  # points of type between numbers, across and down, that can be read


def short(name: str, longest: int = _LONGEST) -> str:
    """A name that leaves room for the chart."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def front_chart(points: Sequence[Point], marks: Sequence[Mark] = ()) -> bytes:
    """Accuracy against sample entropy of the complete trials, with the front marked.

    Marks are what was measured on the test split: finalists, and the references beside them, of
    which those are named that no other one beats in both. Trials whose accuracy is an outlier
    (Tukey's fence, as in box plots) are counted: drawn, they would squeeze all others together.
    """
    best = front(complete(points))
    others = [point for point in complete(points) if point not in best]
    near = _without_outliers(others)
    with canvas(height=3.3) as drawn:
        (axis,) = drawn.axes
        axis.plot(*_places(near), "o", ms=5, mfc="none", mec=SOFT, label="trial")
        if len(near) < len(others):
            below = f"{len(others) - len(near)} more far below"
            axis.text(0.99, 0.02, below, transform=axis.transAxes, ha="right", color=SOFT, size=8)
        axis.plot(*_places(best), color=BLUE, lw=1, drawstyle="steps-post")
        axis.plot(*_places(best), "D", ms=6, color=BLUE, mec=PAPER, label="on the front")
        _draw_marks(axis, marks)
        axis.set_xlabel("sample entropy H_s, bits (less is more decided)")
        axis.set_ylabel("accuracy on validation" + (" (marks: on test)" if marks else ""))
        axis.margins(x=0.08, y=0.1)
        drawn.figure.legend(loc="outside upper center", ncols=2 if not marks else 4)
        drawn.figure.draw_without_rendering()  # until then nothing has its place
        _number(axis, best, 72 / drawn.figure.dpi)
    return drawn.svg


def history_chart(points: Sequence[Point], objective: str, better: str) -> bytes:
    """The objective of each trial and the best so far; pruned trials are marked at the bottom."""
    from matplotlib.ticker import MaxNLocator

    ended = complete(points)
    pruned = [point for point in points if point.value is None]
    numbers = [point.trial for point in ended]
    values = [point.value for point in ended if point.value is not None]
    with canvas(height=3.3) as drawn:
        (axis,) = drawn.axes
        axis.plot(numbers, values, "o", ms=5, mfc="none", mec=SOFT, label="complete")
        so_far = list(accumulate(values, max if better == "maximize" else min))
        axis.plot(numbers, so_far, color=BLUE, lw=1.8, drawstyle="steps-post", label="best so far")
        if pruned:
            axis.plot(
                [point.trial for point in pruned],
                [0.02] * len(pruned),
                "x",
                ms=5,
                color=YELLOW,
                transform=axis.get_xaxis_transform(),
                label="pruned",
            )
        axis.set_xlabel("trial")
        axis.set_ylabel(f"{objective} on validation")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.figure.legend(loc="outside upper center", ncols=3)
    return drawn.svg


def importances_chart(importances: Importances) -> bytes:
    """A bar for each searched value, or several where there are several objectives."""
    paths = list(dict.fromkeys(path for shares in importances.values() for path in shares))
    thick = 0.8 / len(importances)
    with canvas(height=0.9 + 0.3 * len(paths)) as drawn:
        (axis,) = drawn.axes
        for number, (objective, shares) in enumerate(importances.items()):
            places = [-row - number * thick for row in range(len(paths))]
            widths = [100 * shares.get(path, 0.0) for path in paths]
            bars = axis.barh(
                places, widths, 0.9 * thick, color=(BLUE, YELLOW, SOFT)[number % 3], label=objective
            )
            axis.bar_label(bars, fmt="%.0f %%", padding=3, color=INK)
        axis.set_yticks([-row - 0.4 + thick / 2 for row in range(len(paths))], map(short, paths))
        axis.set_xlabel("share of importance, %")
        axis.grid(axis="y", visible=False)
        axis.margins(x=0.12)
        if len(importances) > 1:
            drawn.figure.legend(loc="outside upper center", ncols=len(importances))
    return drawn.svg


def intervals_chart(entries: Sequence[tuple[str, Interval]], label: str) -> bytes:
    """Means with their 95 % intervals (thin) and standard deviations (thick), the first on top."""
    with canvas(height=0.9 + 0.34 * len(entries)) as drawn:
        (axis,) = drawn.axes
        for row, (_, one) in enumerate(entries):
            colour = BLUE if row == 0 else SOFT
            axis.plot([one.low, one.high], [-row, -row], color=colour, lw=1.2)
            ends = [one.mean - one.deviation, one.mean + one.deviation]
            axis.plot(ends, [-row, -row], color=colour, lw=5, alpha=0.45, solid_capstyle="butt")
            axis.plot([one.mean], [-row], "D" if row == 0 else "o", ms=6, color=colour)
        axis.set_yticks([-row for row in range(len(entries))], [short(name) for name, _ in entries])
        axis.set_ylim(0.6 - len(entries), 0.6)
        axis.set_xlabel(label)
        axis.grid(axis="y", visible=False)
    return drawn.svg


def parts_chart(classes: Sequence[str], experts: Sequence[float], gate: Sequence[float]) -> bytes:
    """Each class's error as the experts' and the gate's part, shares of the class.

    A gate's part below 0 points to the left: so much less does the model err than its experts.
    """
    height = 1.1 + 0.26 * len(classes)
    rows = [-row for row in range(len(classes))]
    starts = [100 * e if g > 0 else 0.0 for e, g in zip(experts, gate, strict=True)]
    with canvas(height) as drawn:
        (axis,) = drawn.axes
        axis.barh(rows, [100 * e for e in experts], 0.7, color=BLUE, label="experts' part")
        axis.barh(
            rows, [100 * g for g in gate], 0.7, left=starts, color=YELLOW, label="gate's part"
        )
        axis.set_yticks(rows, map(short, classes))
        axis.set_xlabel("error, % of the class")
        axis.axvline(0, color=SOFT, lw=0.8)
        axis.grid(axis="y", visible=False)
        drawn.figure.legend(loc="outside upper center", ncols=2)
    return drawn.svg


def _draw_marks(axis: "Axes", marks: Sequence[Mark]) -> None:
    finalists = [mark for mark in marks if not mark.reference]
    references = [mark for mark in marks if mark.reference]
    for label, some, shape, colour in (
        ("finalist", finalists, "*", BLUE),
        ("reference", references, "X", YELLOW),
    ):
        if some:
            places = [m.sample_entropy for m in some], [m.accuracy for m in some]
            axis.plot(*places, shape, ms=9, color=colour, mec=PAPER, label=label)
    for mark in front(references):
        at = (mark.sample_entropy, mark.accuracy)
        axis.annotate(short(mark.name), at, (6, -8), textcoords="offset points", color=INK, size=7)


def _number(axis: "Axes", best: Sequence[Point], scale: float) -> None:
    """Number the points of a front to their upper left, where it has no other: first the ends."""
    numbered: list[tuple[float, float]] = []
    for point in (*best[:1], *best[:0:-1]):
        place = (point.sample_entropy, point.accuracy)
        x, y = axis.transData.transform(place) * scale
        if all(abs(x - u) > _APART[0] or abs(y - v) > _APART[1] for u, v in numbered):
            numbered.append((x, y))
            text = f"{point.trial}"
            axis.annotate(text, place, (-4, 3), textcoords="offset points", ha="right", color=INK)


def _without_outliers(points: Sequence[Point]) -> list[Point]:
    if len(points) < _FEW:
        return list(points)
    low, _, high = quantiles((point.accuracy for point in points), n=4)
    return [point for point in points if point.accuracy >= low - 1.5 * (high - low)]


def _places(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [p.sample_entropy for p in points], [p.accuracy for p in points]
