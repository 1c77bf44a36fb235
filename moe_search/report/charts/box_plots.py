"""Box plots of a comparison: what each row's runs reached, as its runs scatter."""

from collections.abc import Sequence

from moe_search.report.charts.canvas import BLUE, INK, SOFT, canvas, short
from moe_search.report.page import Picture
from moe_search.report.results.rows import RowResult
from moe_search.report.results.study import Report
from moe_search.report.text.rows import COLUMNS, one_network
from moe_search.spec.kinds.metrics import COMPARED

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
            lines = {"color": SOFT}
            axis.boxplot(
                values,
                positions=places,
                orientation="horizontal",
                widths=0.6,
                showfliers=False,
                boxprops=lines,
                whiskerprops=lines,
                capprops=lines,
                medianprops={"color": INK, "linewidth": 2},
            )
            for place, runs in zip(places, values, strict=True):
                axis.plot(runs, [place] * len(runs), "o", ms=3, color=BLUE, zorder=3)
            axis.set_title(COLUMNS[metric])
            axis.grid(axis="y", visible=False)
        drawn.axes[0].set_yticks(places, [short(row.name, 34) for row in rows])
    return drawn.svg
