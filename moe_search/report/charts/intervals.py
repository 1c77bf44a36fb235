"""Means with their intervals."""

from collections.abc import Sequence

from moe_search.intervals import Interval
from moe_search.report.charts.canvas import BLUE, SOFT, canvas, short
from moe_search.report.page import Picture
from moe_search.report.results.searches import SearchResult
from moe_search.report.results.study import Report
from moe_search.search.ranking import FinalistResult

_LABEL = "test error: mean, ± SD (thick), 95 % (thin), seeds (dots)"

_BELOW = 0.28  # of a row, where its seeds stand


def of_finalists(report: Report) -> list[Picture]:
    """The finalists of a study, if they have several seeds."""
    finalists = report.summary.finalists
    if not finalists or finalists[0].seeds < 2:
        return []
    entries = [(_name(f), f.test["error"], f.errors) for f in finalists]
    alt = (
        "Test error of each finalist with its seeds, standard deviation and 95 % interval; the "
        "table of finalists has the numbers."
    )
    return [Picture(f"{report.study.name}-finalists", alt, draw(entries, _LABEL))]


def _name(finalist: FinalistResult) -> str:
    champion = "champion, " if finalist.champion else ""
    return f"{champion}trial {finalist.trial}{'' if finalist.feasible else ' (infeasible)'}"


def of_champions(searches: Sequence[SearchResult]) -> Picture:
    """The champions of several studies."""
    entries = [(s.report.study.name, s.champion.test["error"], s.champion.errors) for s in searches]
    alt = (
        "Test error of the champion of each study with its seeds, standard deviation and 95 % "
        "interval; the table has the numbers."
    )
    return Picture("studies-compared", alt, draw(entries, _LABEL))


def draw(entries: Sequence[tuple[str, Interval, Sequence[float]]], label: str) -> bytes:
    """SVG: means, 95 % intervals (thin), standard deviations (thick), seeds; the first on top."""
    with canvas(height=0.9 + 0.34 * len(entries)) as drawn:
        (axis,) = drawn.axes
        for row, (_, interval, seeds) in enumerate(entries):
            colour = BLUE if row == 0 else SOFT
            axis.plot([interval.low, interval.high], [-row, -row], color=colour, lw=1.2)
            ends = [interval.mean - interval.deviation, interval.mean + interval.deviation]
            axis.plot(ends, [-row, -row], color=colour, lw=5, alpha=0.45, solid_capstyle="butt")
            axis.plot([interval.mean], [-row], "D" if row == 0 else "o", ms=6, color=colour)
            axis.plot(seeds, [-row - _BELOW] * len(seeds), "o", ms=3.5, mfc="none", mec=colour)
        names = [short(name) for name, *_ in entries]
        axis.set_yticks([-row for row in range(len(entries))], names)
        axis.set_ylim(0.6 - len(entries), 0.6)
        axis.set_xlabel(label)
        axis.grid(axis="y", visible=False)
    return drawn.svg
