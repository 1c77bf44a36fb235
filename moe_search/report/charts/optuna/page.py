"""The study's own plots on its page in the Optuna dashboard, beside the built-in ones."""

import base64
import itertools
from collections.abc import Sequence
from typing import Any

import optuna
from optuna_dashboard import save_plotly_graph_object

from moe_search.report.charts.atlas import draw_best
from moe_search.report.charts.canvas import BLUE, YELLOW
from moe_search.report.charts.optuna.decisions import plots
from moe_search.report.charts.optuna.style import GREY, style, style_axes
from moe_search.report.results.importances import Importances
from moe_search.report.results.study import Report
from moe_search.report.results.trials import TrialPoint, complete, front


def save_plots(optuna_study: optuna.Study, report: Report) -> None:
    """Show how a study that has a complete trial decided, its front, importances and atlas.

    What an earlier call showed is replaced.

    Raises:
        UserError: MLflow's store lacks a run's table.
    """
    figures = plots(report) | {"accuracy-sample-entropy": _front_plot(report.points)}
    if report.importances:
        figures["importances"] = _importances_plot(report.importances)
    figures["decomposition-atlas"] = _picture(draw_best(report))
    for name, figure in figures.items():
        save_plotly_graph_object(optuna_study, figure, graph_object_id=name)


def _front_plot(points: Sequence[TrialPoint]) -> Any:
    from plotly import graph_objects as go

    best = front(complete(points))
    others = [point for point in complete(points) if point not in best]

    def marks(group: Sequence[TrialPoint], name: str, **look: Any) -> Any:
        return go.Scatter(
            x=[point.sample_entropy for point in group],
            y=[point.accuracy for point in group],
            text=[f"trial {point.trial}: {point.name}" for point in group],
            hovertemplate="%{text}<br>accuracy %{y:.4f}, H_s %{x:.3f} bits<extra></extra>",
            name=name,
            **look,
        )

    figure = go.Figure(
        [
            marks(others, "trial", mode="markers", marker={"color": GREY, "size": 8}),
            marks(
                best,
                "on the front",
                mode="lines+markers",
                line={"shape": "hv", "color": BLUE},
                marker={"symbol": "diamond", "size": 11, "color": YELLOW},
            ),
        ]
    )
    style(figure, "Accuracy against sample entropy (validation, complete trials)")
    style_axes(figure, "sample entropy H_s, bits", "accuracy")
    return figure


def _importances_plot(importances: Importances) -> Any:
    """The report's importances: the dashboard's own leave out pruned trials."""
    from plotly import graph_objects as go

    colours = itertools.cycle((BLUE, YELLOW, GREY))
    figure = go.Figure(
        [
            go.Bar(
                x=list(shares.values())[::-1],
                y=list(shares)[::-1],
                name=objective,
                orientation="h",
                marker={"color": colour},
                texttemplate="%{x:.0%}",
                hovertemplate="%{y}: %{x:.1%}<extra></extra>",
            )
            for (objective, shares), colour in zip(
                importances.shares.items(), colours, strict=False
            )
        ]
    )
    best = f"the best {importances.best} of {importances.trials} trials"
    style(figure, f"Importance for being among {best}, pruned ones included")
    figure.update_xaxes(tickformat=".0%", gridcolor=GREY, zeroline=False)
    figure.update_yaxes(automargin=True)
    return figure


def _picture(png: bytes) -> Any:
    """A figure that holds an image, so that heat maps look alike wherever they are shown."""
    from plotly import graph_objects as go

    figure = go.Figure()
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    everywhere = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "sizex": 1, "sizey": 1}
    figure.add_layout_image(source=source, **everywhere)
    style(figure, "Decomposition atlas: the best trials on validation")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(height=520, margin={"l": 10, "r": 10, "t": 50, "b": 10})
    return figure
