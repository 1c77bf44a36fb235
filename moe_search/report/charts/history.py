"""The objective of each trial and the best so far."""

from collections.abc import Sequence
from itertools import accumulate

from moe_search.report.charts.canvas import BLUE, SOFT, YELLOW, canvas
from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.report.results.trials import TrialPoint, complete


def pictures(report: Report) -> list[Picture]:
    """The way of a search that has a complete trial."""
    points, study = report.points, report.study
    values = [(point.value, point.trial) for point in points if point.value is not None]
    if not values:
        return []
    objective, better = study.objective.names[0], study.objective.directions[0]
    best, trial = max(values) if better == "maximize" else min(values)
    alt = (
        f"The {objective} of each trial and the best so far, which ends at {best:.4f}, reached by "
        f"trial {trial}; {len(points) - len(values)} trials were pruned."
    )
    return [Picture(f"{study.name}-history", alt, draw(points, objective, better), live=True)]


def draw(points: Sequence[TrialPoint], objective: str, better: str) -> bytes:
    """SVG: the objective of each trial and the best so far; at the bottom, pruned trials."""
    from matplotlib.ticker import MaxNLocator

    ended = complete(points)
    pruned = [point for point in points if point.value is None]
    numbers = [point.trial for point in ended]
    values = [point.value for point in ended if point.value is not None]
    with canvas(height=3.3) as drawn:
        (axis,) = drawn.axes
        marks = axis.plot(numbers, values, "o", ms=5, mfc="none", mec=SOFT, label="complete")
        drawn.name_trials(marks[0], numbers)
        so_far = list(accumulate(values, max if better == "maximize" else min))
        axis.plot(numbers, so_far, color=BLUE, lw=1.8, drawstyle="steps-post", label="best so far")
        if pruned:
            crosses = axis.plot(
                [point.trial for point in pruned],
                [0.02] * len(pruned),
                "x",
                ms=5,
                color=YELLOW,
                transform=axis.get_xaxis_transform(),
                label="pruned",
            )
            drawn.name_trials(crosses[0], [point.trial for point in pruned])
        axis.set_xlabel("trial")
        axis.set_ylabel(f"{objective} on validation")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.figure.legend(loc="outside upper center", ncols=3)
    return drawn.svg
