"""The race of a search: what was believed of those that got further seeds, step by step."""

from moe_search.report.charts.canvas import BLUE, PAPER, SOFT, canvas
from moe_search.report.page import Picture
from moe_search.report.results.decisions import Decisions, Racer
from moe_search.report.results.study import Report

_MOST = 6  # configurations, whose lines can be told apart
END = "end"
SYMBOLS = ("diamond", "circle", "square", "triangle-up", "triangle-down", "cross")
_SHAPES = "Dos^vP"
_APART = 0.09  # of a step, between lines


def pictures(report: Report) -> list[Picture]:
    """The race of a search in which a configuration got a further seed."""
    race = report.decisions
    if not shown(race):
        return []
    numbers = ", ".join(str(racer.trial) for racer in shown(race))
    alt = (
        f"What was believed of the configurations of trials {numbers}, mean ± SD, as each further "
        "seed was asked for and at the end. The table has the numbers."
    )
    image = draw(race, report.study.objective.names[0])
    return [Picture(f"{report.study.name}-race", alt, image, live=True)]


def shown(race: Decisions) -> tuple[Racer, ...]:
    """The best of those that raced; none where it is not known what was believed."""
    return race.racers[:_MOST] if race.steps else ()


def draw(race: Decisions, objective: str) -> bytes:
    """SVG: a line for each of the best configurations; filled where it gets a further seed."""
    racers = shown(race)
    with canvas(height=3.3) as drawn:
        (axis,) = drawn.axes
        for row, racer in enumerate(racers):
            colour = SOFT if row else BLUE
            known = [(n, of) for n, of in enumerate(racer.believed) if of is not None]
            places = [n + _APART * (row - (len(racers) - 1) / 2) for n, _ in known]
            means = [mean for _, (mean, _) in known]
            low, high = ([mean + sign * sd for _, (mean, sd) in known] for sign in (-1, 1))
            axis.vlines(places, low, high, color=colour, lw=1.2)
            marks = axis.plot(
                places,
                means,
                marker=_SHAPES[row],
                ms=6,
                mfc=PAPER,
                color=colour,
                lw=1.0 if row else 2.0,
                label=f"trial {racer.trial}",
                zorder=3 - row / _MOST,
            )
            drawn.name_trials(marks[0], [racer.trial])
            for place, mean, (step, _) in zip(places, means, known, strict=True):
                if {*race.steps[step : step + 1]} & {*racer.further}:
                    axis.plot([place], [mean], _SHAPES[row], ms=7.5, color=colour, zorder=4)
        axis.set_xticks(range(len(race.steps) + 1), [*map(str, race.steps), END])
        axis.set_xlim(-0.5, len(race.steps) + 0.5)
        axis.set_xlabel("when a further seed was asked for (filled: for this one), by its trial")
        axis.set_ylabel(f"{objective} as believed ± SD")
        drawn.figure.legend(loc="outside upper center", ncols=3)
    return drawn.svg
