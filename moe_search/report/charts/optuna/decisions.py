"""How a search decided, as plots on its page in the Optuna dashboard: as the report draws it."""

from itertools import accumulate
from typing import Any

from moe_search.intervals import Interval
from moe_search.report.charts import history, race
from moe_search.report.charts.canvas import BLUE, YELLOW
from moe_search.report.charts.optuna.style import GREY, style, style_axes
from moe_search.report.results.study import Report
from moe_search.report.results.trials import complete
from moe_search.report.text.race import dropped_text, worth_text

_BAND = "rgba(160, 122, 1, 0.25)"  # YELLOW
_HEIGHT = 420


def plots(report: Report) -> dict[str, Any]:
    """What was believed of the incumbent, and the race, where there are such, by name."""
    figures = {}
    if report.decisions.incumbents:
        figures["incumbent"] = _incumbent(report)
    if race.shown(report.decisions):
        figures["race"] = _race(report)
    return figures


def _incumbent(report: Report) -> Any:
    from plotly import graph_objects as go

    ended = complete(report.points)
    values = [point.value for point in ended if point.value is not None]
    numbers = [point.trial for point in ended]
    steps = {"mode": "lines", "line": {"shape": "hv", "color": BLUE}}
    figure = go.Figure(
        [
            *_band(report),
            go.Scatter(
                x=numbers,
                y=values,
                mode="markers",
                marker={"color": GREY, "size": 8, "symbol": "circle-open"},
                name="complete",
                hovertemplate="trial %{x}: %{y:.4f}<extra></extra>",
            ),
            go.Scatter(x=numbers, y=list(accumulate(values, max)), name="best so far", **steps),
            *_fresh(report),
        ]
    )
    style(figure, "The best so far as observed, as believed, and as fresh seeds have it")
    style_axes(figure, "trial", f"{report.study.objective.names[0]} on validation")
    if (low := history.lowest(values, report.decisions.incumbents, report.fresh)) is not None:
        figure.update_yaxes(range=[low, None], autorangeoptions={"minallowed": low})
    figure.update_layout(height=_HEIGHT)
    return figure


def _band(report: Report) -> list[Any]:
    """The line of what was believed, between its standard deviations."""
    from plotly import graph_objects as go

    found = report.decisions.incumbents
    after, means, low, high = history.steps_of_belief(found)
    worth = [f"trial {one.trial}: {worth_text((one.mean, one.deviation))}" for one in found]
    edge = {
        "mode": "lines",
        "line": {"width": 0, "shape": "hv"},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [
        go.Scatter(x=after, y=low, **edge),
        go.Scatter(x=after, y=high, fill="tonexty", fillcolor=_BAND, **edge),
        go.Scatter(
            x=after,
            y=means,
            mode="lines",
            line={"shape": "hv", "dash": "dash", "color": YELLOW},
            name=history.BELIEVED,
            text=[*worth, worth[-1]],
            hovertemplate="after trial %{x}, %{text}<extra></extra>",
        ),
    ]


def _fresh(report: Report) -> list[Any]:
    """The champion's fresh seeds, right of the last trial."""
    from plotly import graph_objects as go

    champion = report.fresh
    if champion is None:
        return []
    interval = Interval.of(champion.values)
    half = interval.high - interval.mean if interval.known else 0.0
    return [
        go.Scatter(
            x=[history.place_of_fresh(report.points)],
            y=[champion.value],
            error_y={"type": "constant", "value": half, "color": GREY},
            mode="markers",
            marker={"symbol": "diamond", "size": 12, "color": GREY},
            name=history.FRESH,
            hovertemplate=f"trial {champion.trial}, {champion.seeds} fresh seeds: "
            "%{y:.4f}<extra></extra>",
        )
    ]


def _race(report: Report) -> Any:
    from plotly import graph_objects as go

    decided = report.decisions
    names = [*(f"trial {number}" for number in decided.steps), race.END]
    figure = go.Figure()
    for row, racer in enumerate(race.shown(decided)):
        dropped = dropped_text(racer)
        known = [step for step, worth in enumerate(racer.believed) if worth]
        worth = [worth for worth in racer.believed if worth]
        filled = [number in racer.further for number in (*decided.steps, None)]
        symbols = [race.SYMBOLS[row] + ("" if filled[step] else "-open") for step in known]
        figure.add_scatter(
            x=[names[step] for step in known],
            y=[mean for mean, _ in worth],
            error_y={"array": [deviation for _, deviation in worth], "width": 0, "thickness": 1.2},
            mode="lines+markers",
            line={"color": GREY if row else BLUE},
            marker={"size": 11, "symbol": symbols},
            name=f"trial {racer.trial}",
            text=[worth_text(one) for one in worth],
            hovertemplate=f"%{{x}}: %{{text}}{dropped and f'<br>dropped {dropped}'}",
        )
    style(figure, "The race: what was believed as each further seed was asked for")
    style_axes(
        figure,
        "further seed (filled: for this configuration)",
        f"{report.study.objective.names[0]} as believed ± SD",
    )
    every = [worth for racer in race.shown(decided) for worth in racer.believed if worth]
    low, high = min(m - sd for m, sd in every), max(m + sd for m, sd in every)
    room = 0.06 * (high - low)
    figure.update_yaxes(range=[low - room, high + room])  # grouped, plots begin at 0 by themselves
    figure.update_xaxes(categoryorder="array", categoryarray=names)
    figure.update_layout(height=_HEIGHT, scattermode="group", scattergap=0.4)
    return figure
