"""The decomposition atlas: how several models divide the classes, from their runs in MLflow."""

from collections.abc import Sequence

from mlflow import MlflowClient

from moe_search.moe.decomposition import Table
from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.tracking.decomposition.drawing import Panel, heat_maps, row_shares
from moe_search.tracking.decomposition.read import read_classes

_TRIALS = 12
_ROWS = 9  # whose heat maps stay readable in one picture, names and all


def of_best_trials(report: Report) -> list[Picture]:
    """One picture of the best trials, on validation."""
    best = report.summary.best[:_TRIALS]
    if not best:
        return []
    names = ", ".join(f"{trial.trial} ({trial.name})" for trial in best)
    alt = f"Class-by-expert heat maps of trials {names}"
    return [Picture(f"{report.study.name}-atlas", alt, draw_best(report), "png", fine=True)]


def draw_best(report: Report) -> bytes:
    """PNG of the best trials, of which there is at least one.

    Raises:
        UserError: a run does not have its table.
    """
    runs = {point.trial: point.run_id for point in report.points}
    best = report.summary.best[:_TRIALS]
    return _of_runs(report.client, [(f"trial {b.trial}", runs[b.trial]) for b in best])


def of_rows(report: Report) -> list[Picture]:
    """Pictures of the median run of each row of a comparison that has experts, on test."""
    mixtures = [row for row in report.rows if row.experts > 1]
    pictures = []
    for first in range(0, len(mixtures), _ROWS):
        rows = mixtures[first : first + _ROWS]
        names = ", ".join(row.name for row in rows)
        pictures.append(
            Picture(
                f"{report.study.name}-experts-{first // _ROWS + 1}",
                f"Class by expert in the median run of {names}",
                _of_runs(report.client, [(row.name, row.median.run_id) for row in rows]),
                "png",
                fine=True,
            )
        )
    return pictures


def draw(entries: Sequence[tuple[str, Table]], classes: Sequence[str]) -> bytes:
    """PNG of the class-by-expert tables [C, M] of one to twelve models, each under its name."""
    panels = [Panel((name,), row_shares(table_CM)) for name, table_CM in entries]
    caption = "class × expert, share of the class"
    return heat_maps("Classes by expert", panels, classes, caption, number_columns=True)


def _of_runs(client: MlflowClient, runs: Sequence[tuple[str, str]]) -> bytes:
    """PNG of runs, by the name to show and the id of each."""
    tables = [
        (name, read_classes(client, run_id, "class_by_expert_soft.csv")) for name, run_id in runs
    ]
    return draw([(name, table.table_CN) for name, table in tables], tables[0][1].classes)
