"""What a process that died left in MLflow's store."""

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from moe_search.credentials import without_credentials
from moe_search.tracking.child_runs import DISTILLED, KIND, REASON, is_of

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Leftovers:
    """What was found and ended, by id.

    Attributes:
        runs: that were RUNNING, or FINISHED and nobody's result; they are KILLED now.
        models: whose writing had not ended; they are FAILED now.
        lost: of the results that were named, those that have no FINISHED run.
        deleted: others of them, which somebody deleted, with the command that restores each.
    """

    runs: tuple[str, ...]
    models: tuple[str, ...]
    lost: frozenset[str]
    deleted: Mapping[str, str] = field(default_factory=dict)

    def restoring(self, results: Mapping[_Key, str]) -> dict[_Key, str]:
        """Of results by whatever names them, those that were deleted, with the command for each."""
        return {
            key: self.deleted[run_id] for key, run_id in results.items() if run_id in self.deleted
        }


def end_leftovers(
    client: MlflowClient | None, name: str, results: Collection[str], study_id: str = ""
) -> Leftovers:
    """End every run and model that nobody writes any more, and runs that are no results.

    Nothing is made where there is no store, or no experiment in it.

    Args:
        client: of MLflow's store; None where there is none.
        name: of the study, none of whose processes may be running.
        results: ids of the runs that Optuna's store counts: of complete trials, and of finalists.
        study_id: of the study: runs of another one in this experiment are none of its business.
    """
    known = set(results)
    experiment = client.get_experiment_by_name(name) if client else None
    if client is None or experiment is None:
        return Leftovers((), (), frozenset(known))
    if experiment.lifecycle_stage != "active":
        way_back = restoring(client, f"experiments restore -x {experiment.experiment_id}")
        return Leftovers((), (), frozenset(), dict.fromkeys(known, way_back))
    runs = partial(_runs, client, experiment.experiment_id, study_id)
    running = runs("attributes.status = 'RUNNING'")
    models: list[str] = []
    for run_id in running:
        models += _fail_models(client, experiment.experiment_id, run_id)
        _end(client, run_id, "its process ended before it")
    finished = runs(
        f"attributes.status = 'FINISHED' and tags.`{KIND}` != 'study' "
        f"and tags.`{KIND}` != '{DISTILLED}'",
    )
    untold = [run_id for run_id in finished if run_id not in known]
    for run_id in untold:
        _end(client, run_id, "its process ended before Optuna was told of it")
    gone = known - set(finished)
    binned = runs("", ViewType.DELETED_ONLY) if gone else []
    deleted = {
        run_id: restoring(client, f"runs restore --run-id {run_id}")
        for run_id in binned
        if run_id in gone
    }
    return Leftovers((*running, *untold), tuple(models), frozenset(gone - deleted.keys()), deleted)


def restoring(client: MlflowClient, what: str) -> str:
    """The command of MLflow's that restores what was deleted in a store."""
    url = shlex.quote(without_credentials(client.tracking_uri))
    return f"MLFLOW_TRACKING_URI={url} mlflow {what}"


def _runs(
    client: MlflowClient,
    experiment_id: str,
    study_id: str,
    which: str,
    view: int = ViewType.ACTIVE_ONLY,
) -> list[str]:
    page = partial(client.search_runs, [experiment_id], which, view)
    runs: Iterator[Run] = _all_pages(lambda token: page(page_token=token))
    return [run.info.run_id for run in runs if is_of(run, study_id)]


def _fail_models(client: MlflowClient, experiment_id: str, run_id: str) -> list[str]:
    """End the writing of a run's models; returns those whose writing had not ended."""
    models = client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'")
    pending = [model.model_id for model in models if model.status == "PENDING"]
    for model_id in pending:
        client.finalize_logged_model(model_id, "FAILED")
    return pending


def _all_pages(page: Callable[[str | None], Any]) -> Iterator[Any]:
    """What all pages of a search hold."""
    token = None
    while True:
        entries = page(token)
        yield from entries
        token = entries.token
        if not token:
            return


def _end(client: MlflowClient, run_id: str, why: str) -> None:
    client.set_tag(run_id, REASON, why)
    client.set_terminated(run_id, "KILLED")
