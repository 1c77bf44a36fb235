"""How the best trials learned: accuracy and training loss after each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from moe_search.report.charts.canvas import BLUE, SOFT, canvas
from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.tracking.metrics import read_history

_TRIALS = 6
_METRICS = {"validation/accuracy": "accuracy on validation", "training/loss": "training loss"}
_FEW = 40  # epochs, whose marks are apart


@dataclass(frozen=True)
class Curve:
    """What one trial's metrics were after each epoch, means over its seeds.

    Attributes:
        values: by the metric's name in MLflow: pairs of an epoch and a value.
    """

    trial: int
    values: dict[str, list[tuple[int, float]]]


def pictures(report: Report) -> list[Picture]:
    """The best trials of a search."""
    curves = _curves(report)
    if not curves:
        return []
    numbers = ", ".join(str(curve.trial) for curve in curves)
    alt = f"Accuracy on validation and training loss after each epoch of trials {numbers}."
    return [Picture(f"{report.study.name}-curves", alt, draw(curves), fine=True, live=True)]


def draw(curves: Sequence[Curve]) -> bytes:
    """SVG with a panel for each metric and a line for each trial; the first one stands out."""
    from matplotlib.ticker import MaxNLocator

    with canvas(height=2.9, width=9.8, columns=len(_METRICS), sharey=False) as drawn:
        for axis, (metric, label) in zip(drawn.axes, _METRICS.items(), strict=True):
            for place, curve in enumerate(curves):
                epochs, values = zip(*curve.values[metric], strict=True)
                lines = axis.plot(
                    epochs,
                    values,
                    marker="Dos^vP"[place % _TRIALS] if len(epochs) <= _FEW else "",
                    ms=4,
                    lw=1.0 if place else 2.0,
                    color=SOFT if place else BLUE,
                    zorder=3 - place / _TRIALS,
                    label=f"trial {curve.trial}",
                )
                drawn.name_trials(lines[0], [curve.trial])
            axis.set_xlabel("epoch")
            axis.set_title(label)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, labels = drawn.axes[0].get_legend_handles_labels()
        drawn.figure.legend(handles, labels, loc="outside right upper")
    return drawn.svg


def _curves(report: Report) -> list[Curve]:
    runs = {point.trial: point.run_id for point in report.points}
    return [
        Curve(
            best.trial,
            {name: read_history(report.client, runs[best.trial], name) for name in _METRICS},
        )
        for best in report.summary.best[:_TRIALS]
    ]
