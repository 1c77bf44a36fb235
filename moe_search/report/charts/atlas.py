"""The decomposition atlas: how several models divide the classes, from their runs in MLflow."""

from collections.abc import Iterable, Sequence

from mlflow import MlflowClient

from moe_search.moe.decomposition import Table
from moe_search.report.results.summary import Best
from moe_search.report.results.trials import Point
from moe_search.tracking.decomposition.drawing import Panel, heat_maps, row_shares
from moe_search.tracking.decomposition.read import read_classes

ON_THE_ATLAS = 12


def best_runs(best: Iterable[Best], points: Iterable[Point]) -> list[tuple[str, str]]:
    """The trials for the atlas, as ``atlas_of`` wants them."""
    runs = {point.trial: point.run_id for point in points}
    return [(f"trial {one.trial}", runs[one.trial]) for one in best][:ON_THE_ATLAS]


def atlas_of(client: MlflowClient, runs: Sequence[tuple[str, str]]) -> bytes:
    """PNG of the soft class-by-expert tables of one to twelve runs.

    Args:
        client: of the store that has them.
        runs: the name to show and the id of each.

    Raises:
        UserError: a run does not have its table.
    """
    tables = [
        (name, read_classes(client, run_id, "class_by_expert_soft.csv")) for name, run_id in runs
    ]
    return atlas([(name, table.table_CN) for name, table in tables], tables[0][1].classes)


def atlas(entries: Sequence[tuple[str, Table]], classes: Sequence[str]) -> bytes:
    """PNG of the class-by-expert tables [C, M] of one to twelve models, each under its name."""
    panels = [Panel((name,), row_shares(table_CM)) for name, table_CM in entries]
    caption = "class × expert, share of the class"
    return heat_maps("Classes by expert", panels, classes, caption, number_columns=True)
