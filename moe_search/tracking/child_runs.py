"""A child run of a study in MLflow: parameters, metrics, decomposition, model of one training."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from moe_search.engine.trial import EpochReport, TrialResult
from moe_search.package.config import Card
from moe_search.spec.configuration import Configuration
from moe_search.tracking.decomposition.files import decomposition_files
from moe_search.tracking.decomposition.model_view import ModelView
from moe_search.tracking.decomposition.read import FOLDER
from moe_search.tracking.failed import failing
from moe_search.tracking.metrics import Point, history_points, result_points
from moe_search.tracking.model_logging import log_model
from moe_search.tracking.naming import meaningful, written

KIND, TRIAL, SEED = "moe_search.kind", "moe_search.trial", "moe_search.seed"
STUDY = "moe_search.study_id"
"""Whose a run is: studies of one name, each in an Optuna store of its own, share an experiment."""
ROW = "moe_search.configuration"
"""The row of a comparison that a trial is a run of."""
DISTILLED = "distilled"
"""Kind of the runs that belong to no trial of Optuna's."""
REASON = "moe_search.reason"
CONSTRAINTS = "moe_search.constraints"
"""Which of them a finalist misses in the mean over its seeds, or that all are kept."""
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"
LONGEST_TAG = 8_000  # characters MLflow takes
_LONGEST_PARAM = 6_000

Ended = Literal["FINISHED", "FAILED", "KILLED"]


def is_of(run: Run, study_id: str) -> bool:
    """Whether a run is of the study with an id; those of a study without one have none, either."""
    return bool(run.data.tags.get(STUDY, "") == study_id)


def parent_run(client: MlflowClient, experiment_id: str, study_id: str) -> str | None:
    """The id of a study's own run; None before there is one.

    Of two it is the newest: the other was deleted, and restored when there was a new one.
    """
    parents = client.search_runs([experiment_id], f"tags.`{KIND}` = 'study'")
    own = [str(run.info.run_id) for run in parents if is_of(run, study_id)]
    return own[0] if own else None


@dataclass(frozen=True)
class Logged:
    """A finished run with a model.

    Attributes:
        files: what lies under ``decomposition/``.
    """

    run_id: str
    model_id: str
    files: dict[str, bytes] = field(repr=False)

    @property
    def model_uri(self) -> str:
        """What MLflow and ``load_model`` know the model by."""
        return f"models:/{self.model_id}"


@dataclass(frozen=True)
class ChildRuns:
    """Writes children of one study's run.

    Attributes:
        client: of the store.
        experiment_id, parent_id, study_id: of the study.
        card: facts of the data, for the models.
    """

    client: MlflowClient
    experiment_id: str
    parent_id: str
    study_id: str
    card: Card

    def log(
        self,
        name: str,
        model_name: str,
        tags: Mapping[str, str],
        results: Sequence[TrialResult],
        values: Mapping[str, float],
    ) -> Logged:
        """Logs a configuration that was trained.

        Args:
            name, model_name, tags: of the run and of its model.
            results: one for each seed. Metrics are means over the seeds, beside those of each seed;
                decomposition and model are the first one's.
            values: of the objective, by name.
        """
        first = results[0]
        began = time.time() - sum(result.seconds for result in results)
        points = result_points(results, values)
        judged = first.test or first.validation
        files = decomposition_files(ModelView(judged, self.card.classes, first.usage_TM, name))
        with self._child(name, tags, began, "FINISHED") as run_id:
            self._log_files(run_id, files)
            model_id = log_model(
                self.client, self.experiment_id, run_id, model_name, first, self.card
            )
            self._log_points(run_id, points, first.configuration, first.seed, model_id)
        return Logged(run_id, model_id, files)

    def log_failed(
        self,
        name: str,
        tags: Mapping[str, str],
        configuration: Configuration,
        history: Sequence[EpochReport],
    ) -> str:
        """Logs what was trained before a failure; returns the run's id."""
        with self._child(name, tags, time.time(), "FAILED") as run_id:
            self._log_points(run_id, history_points([history]), configuration)
        return run_id

    @contextmanager
    def _child(
        self, name: str, tags: Mapping[str, str], began: float, ended: Ended
    ) -> Iterator[str]:
        """A run that ends with a status, or FAILED where writing it fails."""
        owner = {PARENT: self.parent_id, STUDY: self.study_id}
        all_tags = {**owner, "mlflow.source.name": "moe-search", **tags}
        cut = {key: text[:LONGEST_TAG] for key, text in all_tags.items() if text}
        run = self.client.create_run(
            self.experiment_id, start_time=int(1000 * began), tags=cut, run_name=name
        )
        run_id: str = run.info.run_id
        with failing(lambda: self.client.set_terminated(run_id, "FAILED")):
            yield run_id
        self.client.set_terminated(run_id, ended)

    def _log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            for name, content in files.items():
                (Path(temporary) / name).write_bytes(content)
            self.client.log_artifacts(run_id, temporary, FOLDER)

    def _log_points(
        self,
        run_id: str,
        points: Sequence[Point],
        configuration: Configuration,
        seed: int | None = None,
        model_id: str | None = None,
    ) -> None:
        """All of a run at once; a metric's last point is its model's, too."""
        now = int(1000 * time.time())
        last = {point.name: point for point in points}
        metrics = [
            Metric(
                point.name,
                point.value,
                now,
                point.epoch,
                model_id=model_id if point is last[point.name] else None,
                run_id=run_id,
            )
            for point in points
        ]
        params = {path: written(value) for path, value in meaningful(configuration).items()}
        if seed is not None:
            params["seed"] = str(seed)
        cut = [Param(path, text[:_LONGEST_PARAM]) for path, text in params.items()]
        self.client.log_batch(run_id, metrics, cut)
