"""Means with their intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moe_search.report.charts.canvas import BLUE, SOFT, canvas, short
from moe_search.search.ranking import Interval

if TYPE_CHECKING:
    pass


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
