"""How MLflow's page of a study opens: its trials in groups, best first, with what they found.

MLflow keeps what its "Share" button shares in a tag of the experiment, and opens its page so where
an address names the tag.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient

from moe_search.spec.domains import Choices
from moe_search.spec.kinds.metrics import HEADLINE, METRICS
from moe_search.spec.study import Study
from moe_search.tracking.child_runs import KIND, LONGEST_TAG, NOTE, ROW, parent_run
from moe_search.tracking.metrics import OBJECTIVE, column_name

_NAME = "trials"
VIEW_TAG = f"mlflow.sharedViewState.{_NAME}"


def trials_page(experiment_id: str) -> str:
    """The path, on an MLflow server, of a study's trials as they are first looked at."""
    return f"/#/experiments/{experiment_id}/runs?viewStateShareKey={_NAME}"


def trials_view(study: Study, begun: str = "") -> str:
    """What ``VIEW_TAG`` says, in the words of MLflow's page.

    Args:
        study: what is shown.
        begun: what it says so far. Runs of version 0.1 have no short names: where it shows the
            long ones, it goes on so.
    """
    front = study.objective.pareto
    values = study.objective.mlflow_names
    best, falling = values[0], front is None or METRICS[front[0]].better == "maximize"
    split = "test" if study.configurations else "validation"
    varied = dict.fromkeys(path for row in study.configurations.values() for path in row.changes())
    searched = varied or [parameter.path for parameter in study.parameters]
    metrics = [f"{split}/{name}" for name in HEADLINE]
    if not begun or metrics[0] not in begun:
        metrics = [column_name(name) for name in HEADLINE]
        values = [OBJECTIVE] if front is None else values
    metrics = [*values, *metrics]
    columns = [f"metrics.`{name}`" for name in metrics] + [f"params.`{p}`" for p in searched]
    view = {
        "searchFilter": f"tags.`{KIND}` = 'trial'",
        "orderByKey": f"metrics.`{best}`",
        "orderByAsc": not falling,
        "selectedColumns": ["attributes.`Duration`", *columns],
        "groupBy": _groups(study),
    }
    return json.dumps(view)


def _groups(study: Study) -> dict[str, object] | None:
    """Each a row of a comparison or a choice of the first choice there is; lines of means."""
    chosen = (p.path for p in study.parameters if isinstance(p.domain, Choices))
    mode, name = ("tag", ROW) if study.configurations else ("param", next(chosen, None))
    keys = [{"mode": mode, "groupByData": name}]
    return {"aggregateFunction": "average", "groupByKeys": keys} if name else None


_LONGEST_DESCRIPTION = 5_000  # characters MLflow's databases take


def describe_study(
    client: MlflowClient, study: Study, study_id: str, note: str, files: Mapping[str, bytes]
) -> None:
    """Write a note in Markdown on the parent run's page, and files under its ``report/``.

    The study must have been run.
    """
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    parent_id = parent_run(client, experiment.experiment_id, study_id)
    assert parent_id is not None
    client.set_tag(parent_id, NOTE, note[:LONGEST_TAG])
    with tempfile.TemporaryDirectory() as temporary:
        for name, content in files.items():
            (Path(temporary) / name).write_bytes(content)
        client.log_artifacts(parent_id, temporary, "report")


def describe_model(client: MlflowClient, study: Study, card: str) -> None:
    """Write a card in Markdown on the page of the study's registered model."""
    client.update_registered_model(study.name, card[:_LONGEST_DESCRIPTION])
