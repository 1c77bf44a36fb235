"""Box plots of a comparison: what each row's runs reached, as its runs scatter."""

import io
from collections.abc import Sequence

from moe_search.report.comparison import Compared
from moe_search.report.comparison_tables import COLUMNS

_SHOWN = ("error", "mutual_information", "sample_entropy", "usage_entropy")
_LONGEST = 34  # letters of a row's name


def box_plots(rows: Sequence[Compared], title: str) -> bytes:
    """PNG with a panel for each metric and a box for each row.

    A box holds the middle half of the runs with their median, whiskers reach to the last run
    within one and a half times its height, and dots are the runs themselves.
    """
    from matplotlib.figure import Figure

    height = 1.6 + 0.24 * len(rows)
    figure = Figure(figsize=(13, height), layout="constrained", dpi=80)
    axes = figure.subplots(1, len(_SHOWN), sharey=True)
    places = list(range(len(rows), 0, -1))
    for axis, metric in zip(axes, _SHOWN, strict=True):
        values = [[run.metrics[metric] for run in row.runs] for row in rows]
        axis.boxplot(
            values,
            positions=places,
            orientation="horizontal",
            widths=0.6,
            showfliers=False,
            medianprops={"color": "#00224e", "linewidth": 2},
        )
        for place, runs in zip(places, values, strict=True):
            axis.plot(runs, [place] * len(runs), "o", ms=3, color="#a59c74", zorder=3)
        axis.set_title(COLUMNS[metric][0])
        axis.grid(axis="x", color="#dddddd")
        axis.tick_params(labelsize=9)
    axes[0].set_yticks(places, [_short(row.name) for row in rows])
    figure.suptitle(title)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
