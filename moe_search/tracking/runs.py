"""A study's runs in MLflow: one parent, and a child for each trial and each finalist."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from moe_search.engine.trial import EpochReport, TrialResult
from moe_search.errors import UserError
from moe_search.spec.configuration import Configuration
from moe_search.spec.document import as_yaml
from moe_search.spec.study import Study
from moe_search.tracking.artifacts import decomposition_files
from moe_search.tracking.metrics import Point, history_points, result_points
from moe_search.tracking.models import log_model
from moe_search.tracking.package import Card
from moe_search.tracking.provenance import provenance
from moe_search.tracking.reading import FOLDER
from moe_search.tracking.store import open_store
from moe_search.tracking.words import meaningful, short_name, written

_LONGEST_PARAM, _LONGEST_TAG = 6_000, 8_000  # characters MLflow takes
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"
KIND, _TRIAL, _SEED = "moe_search.kind", "moe_search.trial", "moe_search.seed"
REASON = "moe_search.reason"
_TRAINING = {"mlflow.experimentKind": "custom_model_development"}  # what the UI shows of it

Ended = Literal["FINISHED", "FAILED", "KILLED"]


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


class Tracker:
    """Writes one study to MLflow; one process at a time does.

    Opening makes the store, the experiment and the parent run where they are missing, and sets
    the parent RUNNING again. What a process that died left is ended before (see ``leftovers``).

    Metrics: ``validation/NAME`` and ``training/loss`` after each epoch, so the last is the final
    one; ``test/NAME`` of finalists; ``value``, or ``value/NAME`` for each objective of several.

    Args:
        study: names the experiment and the registered model, and says where the store is.
        card: facts of the data, for the models.

    Raises:
        UserError: the store cannot be opened, or the experiment was deleted in it.
    """

    def __init__(self, study: Study, card: Card) -> None:
        self._study = study
        self._card = card
        self._client = open_store(study.mlflow_url, create=True)
        self.experiment_id = self._experiment()
        self.parent_id = self._parent()
        self._log_study()

    def log_trial(
        self,
        number: int,
        results: Sequence[TrialResult],
        values: Sequence[float],
    ) -> Logged:
        """Logs a complete trial.

        Args:
            number: Optuna's.
            results: one for each seed of one configuration. Metrics are means over the seeds,
                beside those of each seed; decomposition and model are the first one's.
            values: the objective, or one value for each objective.
        """
        tags = {KIND: "trial", _TRIAL: str(number), _SEED: str(results[0].seed)}
        name = _trial_name(number, results[0].configuration)
        return self._log_results(name, f"trial-{number:03d}", tags, results, values)

    def log_finalist(
        self,
        rank: int,
        trial_number: int,
        result: TrialResult,
        values: Sequence[float],
    ) -> Logged:
        """Logs a configuration trained again: decomposition and metrics on the test split, model.

        Args:
            rank: of its trial, from 1.
            trial_number: which trial's configuration it is.
            result: with its test decomposition.
            values: the objective on the validation split, as in ``log_trial``.
        """
        tags = {KIND: "finalist", _TRIAL: str(trial_number), _SEED: str(result.seed)}
        tags["moe_search.rank"] = str(rank)
        name = f"finalist-{rank} seed-{result.seed} {short_name(result.configuration)}"
        model_name = f"finalist-{rank}-seed-{result.seed}"
        return self._log_results(name, model_name, tags, [result], values)

    def log_pruned(self, number: int, result: TrialResult, reason: str) -> Logged:
        """Logs a trial that was stopped early, with all that a complete one has but its value.

        Its status is KILLED, as in MLflow's own storage for Optuna: FINISHED runs are complete
        trials, and FAILED ones need a look. The tag ``moe_search.reason`` says why it was stopped.
        """
        tags = {KIND: "trial", _TRIAL: str(number), _SEED: str(result.seed)}
        tags |= {REASON: reason, _NOTE: reason}
        name = _trial_name(number, result.configuration)
        return self._log_results(name, f"trial-{number:03d}", tags, [result], (), "KILLED")

    def log_failed(
        self,
        number: int,
        configuration: Configuration,
        reason: str,
        history: Sequence[EpochReport] = (),
    ) -> str:
        """Logs a trial that raised or whose loss is not finite as FAILED; returns the run's id."""
        tags = {KIND: "trial", _TRIAL: str(number), REASON: reason, _NOTE: reason}
        name = _trial_name(number, configuration)
        with self._child(name, tags, time.time(), "FAILED") as run_id:
            self._log_points(run_id, history_points([history]), configuration)
        return run_id

    def register_champion(self, run_id: str, model_id: str, description: str) -> str:
        """Registers a model under the study's name as ``champion``; returns its URI.

        A model that was registered before keeps its version.
        """
        name, client = self._study.name, self._client
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        # By its place: MLflow looks for a source models:/ID in the default store, not in this one.
        source = client.get_logged_model(model_id).artifact_location
        known = client.search_model_versions(f"name = '{name}'")
        number = next((one.version for one in known if one.source == source), None)
        if number is None:
            number = client.create_model_version(
                name, source, run_id, await_creation_for=0, model_id=model_id
            ).version
        client.update_model_version(name, number, description)
        client.set_registered_model_alias(name, "champion", number)
        return f"models:/{name}@champion"

    def close(self, status: Ended) -> None:
        """Ends the parent run: FINISHED, KILLED by an interrupt, or FAILED by an error."""
        self._client.set_terminated(self.parent_id, status)

    def _experiment(self) -> str:
        name, url = self._study.name, self._study.mlflow_url
        found = self._client.get_experiment_by_name(name)
        if found is None:
            served = url.startswith("http")
            folder = self._study.artifacts_folder / "mlflow"
            location = None if served else folder.as_uri()
            return self._client.create_experiment(name, location, tags=_TRAINING)
        if found.lifecycle_stage != "active":
            raise UserError(
                f"{url}: experiment {name} was deleted; restore it with "
                f"'mlflow experiments restore -x {found.experiment_id}' or rename the study"
            )
        return found.experiment_id

    def _parent(self) -> str:
        found = self._client.search_runs([self.experiment_id], f"tags.`{KIND}` = 'study'")
        if found:
            self._client.update_run(_id(found[0]), "RUNNING")
            return _id(found[0])
        tags = {KIND: "study", "mlflow.source.name": "moe-search"}
        return _id(
            self._client.create_run(self.experiment_id, tags=tags, run_name=self._study.name)
        )

    def _log_study(self) -> None:
        """What is searched, and with which versions."""
        made = provenance(self._study.folder)
        tags = {_NOTE: self._study.description, "moe_search.machine": made.pop("machine")}
        if commit := made.pop("commit", ""):
            tags["mlflow.source.git.commit"] = commit
        tags |= {f"version.{name}": text for name, text in made.items()}
        self._client.log_batch(self.parent_id, tags=_tags(tags))
        study = self._study.model_dump(mode="json", exclude={"storage"})
        self._client.log_text(self.parent_id, as_yaml(study), "study.yaml")

    def _log_results(
        self,
        name: str,
        model_name: str,
        tags: dict[str, str],
        results: Sequence[TrialResult],
        values: Sequence[float],
        ended: Ended = "FINISHED",
    ) -> Logged:
        first = results[0]
        began = time.time() - sum(result.seconds for result in results)
        points = result_points(results, self._named(values))
        files = decomposition_files(
            first.test or first.validation, self._card.classes, first.usage_TM, name
        )
        with self._child(name, tags, began, ended) as run_id:
            self._log_files(run_id, files)
            model_id = log_model(
                self._client, self.experiment_id, run_id, model_name, first, self._card
            )
            self._log_points(run_id, points, first.configuration, first.seed, model_id)
        return Logged(run_id, model_id, files)

    @contextmanager
    def _child(self, name: str, tags: dict[str, str], began: float, ended: Ended) -> Iterator[str]:
        """A run that ends with a status, or FAILED where writing it fails."""
        every = {_PARENT: self.parent_id, "mlflow.source.name": "moe-search", **tags}
        cut = {key: text[:_LONGEST_TAG] for key, text in every.items()}
        run_id = _id(
            self._client.create_run(
                self.experiment_id, start_time=int(1000 * began), tags=cut, run_name=name
            )
        )
        try:
            yield run_id
        except BaseException:
            self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id, ended)

    def _log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            for name, content in files.items():
                (Path(temporary) / name).write_bytes(content)
            self._client.log_artifacts(run_id, temporary, FOLDER)

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
        self._client.log_batch(run_id, metrics, cut)

    def _named(self, values: Sequence[float]) -> dict[str, float]:
        front = self._study.objective.pareto
        names = ["value"] if front is None else [f"value/{name}" for name in front]
        return dict(zip(names, values, strict=False))


def _trial_name(number: int, configuration: Configuration) -> str:
    return f"trial-{number:03d} {short_name(configuration)}"


def _id(run: Run) -> str:
    run_id: str = run.info.run_id
    return run_id


def _tags(tags: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, text[:_LONGEST_TAG]) for key, text in tags.items()]
