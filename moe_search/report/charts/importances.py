"""Which searched values mattered."""

from moe_search.report.charts.canvas import BLUE, INK, SOFT, YELLOW, canvas, short
from moe_search.report.page import Picture
from moe_search.report.results.study import Report


def pictures(report: Report) -> list[Picture]:
    """The importances, where there are any."""
    if not report.importances:
        return []
    alt = "Bars of the importance of each searched value; the table has the numbers."
    return [Picture(f"{report.study.name}-importances", alt, draw(report.importances.shares))]


def draw(importances: dict[str, dict[str, float]]) -> bytes:
    """SVG: a bar for each searched value, or several where there are several objectives."""
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
