"""What stands on MLflow's pages of a whole study: its parent run, and its registered model."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient

from moe_search.spec.study import Study
from moe_search.tracking.child_runs import KIND, LONGEST_TAG, NOTE

_LONGEST_DESCRIPTION = 5_000  # characters MLflow's databases take


def describe_study(
    client: MlflowClient, study: Study, note: str, files: Mapping[str, bytes]
) -> None:
    """Write a note in Markdown on the parent run's page, and files under its ``report/``.

    The study must have been run.
    """
    experiment = client.get_experiment_by_name(study.name)
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id], f"tags.`{KIND}` = 'study'")
    client.set_tag(parent.info.run_id, NOTE, note[:LONGEST_TAG])
    with tempfile.TemporaryDirectory() as temporary:
        for name, content in files.items():
            (Path(temporary) / name).write_bytes(content)
        client.log_artifacts(parent.info.run_id, temporary, "report")


def describe_model(client: MlflowClient, study: Study, card: str) -> None:
    """Write a card in Markdown on the page of the study's registered model."""
    client.update_registered_model(study.name, card[:_LONGEST_DESCRIPTION])
