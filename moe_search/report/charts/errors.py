"""Each class's error in two parts."""

from collections.abc import Sequence

from moe_search.report.charts.canvas import BLUE, SOFT, YELLOW, canvas, short
from moe_search.report.page import Picture
from moe_search.report.results.study import Report

_MOST_BARS = 20


def pictures(report: Report) -> list[Picture]:
    """The champion's errors, worst class first."""
    worst = sorted(report.classes, key=lambda view: -view.error)[:_MOST_BARS]
    if not worst:
        return []
    chart = draw(
        [view.name for view in worst],
        [view.experts_part for view in worst],
        [view.gate_part for view in worst],
    )
    alt = (
        "Bars of each class's error, the experts' part and the gate's, worst class first: "
        f"{worst[0].name} ({worst[0].error:.1%}). The table below has the numbers."
    )
    return [Picture(f"{report.study.name}-errors", alt, chart)]


def draw(classes: Sequence[str], experts: Sequence[float], gate: Sequence[float]) -> bytes:
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
