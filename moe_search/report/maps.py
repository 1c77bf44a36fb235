"""The decomposition atlas: how several models divide the classes, from their runs in MLflow."""

from collections.abc import Sequence

from mlflow import MlflowClient

from moe_search.tracking.figures import atlas
from moe_search.tracking.reading import read_classes


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
