"""The decomposition atlas: how several models divide the classes, from their runs in MLflow."""

from collections.abc import Iterable, Sequence

from mlflow import MlflowClient

from moe_search.report.results.summary import Best
from moe_search.report.results.trials import Point
from moe_search.tracking.decomposition.figures import atlas
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
    found = [
        (name, read_classes(client, run_id, "class_by_expert_soft.csv")) for name, run_id in runs
    ]
    return atlas([(name, one.table_CN) for name, one in found], found[0][1].classes)
