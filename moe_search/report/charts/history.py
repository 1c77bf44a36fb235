"""The objective of each trial and the best so far; what was believed of it, and what it is worth.

The best of many noisy values is in part the luckiest: what is observed lies above what is believed,
and what fresh seeds say is on neither side.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from moe_search.intervals import Interval
from moe_search.report.charts.canvas import BLUE, INK, PAPER, SOFT, YELLOW, Canvas, canvas
from moe_search.report.charts.scales import fence
from moe_search.report.page import Picture
from moe_search.report.results.decisions import Incumbent
from moe_search.report.results.study import Report
from moe_search.report.results.trials import TrialPoint, complete
from moe_search.report.text.race import believed_text
from moe_search.search.ranking import FinalistResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BELIEVED, FRESH = "incumbent as believed ± SD", "champion, fresh seeds"


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
    alt = " ".join([alt, *believed_text(report)])
    image = draw(points, objective, better, report.decisions.incumbents, report.fresh)
    return [Picture(f"{study.name}-history", alt, image, live=True)]


def draw(
    points: Sequence[TrialPoint],
    objective: str,
    better: str,
    incumbents: Sequence[Incumbent] = (),
    champion: FinalistResult | None = None,
) -> bytes:
    """SVG: the objective of each trial and the best so far; at the bottom, pruned trials.

    Args:
        points: the trials.
        objective: its name.
        better: its direction.
        incumbents: what is believed of them is a line with a band.
        champion: its fresh seeds stand at the right end, with the 95 % interval of their mean.
    """
    from matplotlib.ticker import MaxNLocator

    ended = complete(points)
    pruned = [point for point in points if point.value is None]
    numbers = [point.trial for point in ended]
    values = [point.value for point in ended if point.value is not None]
    with canvas(height=3.3 + 0.2 * bool(incumbents)) as drawn:
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
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if incumbents:
            _draw_belief(axis, incumbents)
        if champion:
            _draw_fresh(drawn, champion, place_of_fresh(points))
        if incumbents and (bottom := lowest(values, incumbents, champion)) is not None:
            axis.set_ylim(bottom=bottom)
            below = f"{sum(value < bottom for value in values)} more far below"
            axis.text(0.99, 0.05, below, transform=axis.transAxes, ha="right", color=SOFT, size=8)
        axis.set_xlabel("trial")
        axis.set_ylabel(f"{objective} on validation")
        drawn.figure.legend(loc="outside upper center", ncols=2 if incumbents or champion else 3)
    return drawn.svg


def place_of_fresh(points: Sequence[TrialPoint]) -> float:
    """Right of the last trial, at a distance that grows with their number."""
    last = max(point.trial for point in points)
    return last + max(1.0, 0.06 * last)


def lowest(
    values: Sequence[float], incumbents: Sequence[Incumbent], champion: FinalistResult | None
) -> float | None:
    """Where an axis begins that leaves out trials far below; None where none is.

    The few poorest would press together what is to be told apart.
    """
    low, shown = fence(values), [one.mean - one.deviation for one in incumbents]
    if champion:
        shown += [champion.value, Interval.of(champion.values).low]
    near = [value for value in (*values, *shown) if value >= low]
    if min(values) >= low:
        return None
    least = min([*near, *(value for value in shown if not math.isnan(value))])
    return least - 0.05 * (max(near) - least)


def steps_of_belief(incumbents: Sequence[Incumbent]) -> tuple[list[float], ...]:
    """Trials, means, and means less and with a standard deviation; each holds until the next."""
    shown = (*incumbents, incumbents[-1])
    means, low, high = ([one.mean + sign * one.deviation for one in shown] for sign in (0, -1, 1))
    return [*(float(one.after) for one in incumbents), incumbents[-1].after + 0.5], means, low, high


def _draw_belief(axis: "Axes", incumbents: Sequence[Incumbent]) -> None:
    numbers, means, low, high = steps_of_belief(incumbents)
    axis.fill_between(numbers, low, high, step="post", color=YELLOW, alpha=0.25, lw=0)
    axis.plot(numbers, means, "--", color=YELLOW, lw=1.6, drawstyle="steps-post", label=BELIEVED)


def _draw_fresh(drawn: Canvas, champion: FinalistResult, place: float) -> None:
    """Its mean, and the 95 % interval of that where it is known."""
    (axis,) = drawn.axes
    interval = Interval.of(champion.values)
    if interval.known:
        axis.plot([place, place], [interval.low, interval.high], color=INK, lw=1.4)
    marks = axis.plot(
        [place], [champion.value], "D", ms=6.5, color=INK, mec=PAPER, label=FRESH, zorder=4
    )
    drawn.name_trials(marks[0], [champion.trial])
    ticks = [tick for tick in axis.get_xticks() if 0 <= tick <= 0.9 * place]
    axis.set_xticks([*ticks, place], [*(f"{tick:.0f}" for tick in ticks), "fresh"])
