"""A study's runs in MLflow: one parent, and a child for each trial and each finalist."""

from collections.abc import Mapping, Sequence

from mlflow import MlflowClient
from mlflow.entities import Run, RunTag
from mlflow.exceptions import MlflowException

from moe_search.engine.trial import EpochReport, TrialResult
from moe_search.errors import UserError
from moe_search.package.config import Card
from moe_search.spec.configuration import Configuration
from moe_search.spec.file.document import as_yaml
from moe_search.spec.kinds.stores import store_kind
from moe_search.spec.study import Study
from moe_search.tracking.addresses import run_page
from moe_search.tracking.child_runs import (
    CONSTRAINTS,
    KIND,
    LONGEST_TAG,
    NOTE,
    PARENT,
    REASON,
    ROW,
    SEED,
    STUDY,
    TRIAL,
    ChildRuns,
    Ended,
    Logged,
    is_of,
    parent_run,
)
from moe_search.tracking.naming import short_name, trial_name
from moe_search.tracking.stale import restoring
from moe_search.tracking.study_page import VIEW_TAG, trials_view

_TRAINING = {"mlflow.experimentKind": "custom_model_development"}  # what the UI shows of it


class Tracker:
    """Writes one study to MLflow; one process at a time does.

    Opening makes the experiment and the parent run where they are missing, and sets the parent
    RUNNING again. What a process that died left is ended before (see ``leftovers``).

    Metrics: ``validation/NAME`` and ``training/loss`` after each epoch, so the last is the final
    one; ``test/NAME`` of finalists; ``value``, or ``value/NAME`` for each objective of several; and
    rounded, for the table, ``objective``, ``accuracy``, ``H_s``, ``H_u`` and ``I_E_Y``.

    Args:
        client: of the store.
        study: names the experiment and the registered model.
        card: facts of the data, for the models.
        made: versions, machine and commit, by name.
        study_id: of the study in Optuna's store, see ``StudyRecord``.

    Raises:
        UserError: the experiment was deleted in the store.
    """

    def __init__(
        self,
        client: MlflowClient,
        study: Study,
        card: Card,
        made: Mapping[str, str],
        study_id: str = "",
    ) -> None:
        self._study = study
        self._study_id = study_id
        self._client = client
        self.experiment_id = self._experiment()
        self.parent_id = self._parent()
        self._adopt()
        self._children = ChildRuns(self._client, self.experiment_id, self.parent_id, study_id, card)
        self._log_study(made)

    def log_trial(
        self,
        number: int,
        results: Sequence[TrialResult],
        values: Sequence[float],
        row: str = "",
    ) -> Logged:
        """Logs a complete trial.

        Args:
            number: Optuna's.
            results: one for each seed of one configuration. Metrics are means over the seeds,
                beside those of each seed; decomposition and model are the first one's.
            values: the objective, or one value for each objective.
            row: of a comparison; it names the run.
        """
        tags = {KIND: "trial", TRIAL: str(number), SEED: str(results[0].seed)}
        tags |= {ROW: row} if row else {}
        name = _run_name(number, results[0].configuration, row)
        return self._children.log(name, trial_name(number), tags, results, self._named(values))

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
        tags = {KIND: "finalist", TRIAL: str(trial_number), SEED: str(result.seed)}
        tags["moe_search.rank"] = str(rank)
        trial = trial_name(trial_number)
        name = f"finalist {trial} seed-{result.seed} {short_name(result.configuration)}"
        model_name = f"finalist-{trial}-seed-{result.seed}"
        return self._children.log(name, model_name, tags, [result], self._named(values))

    def log_retrained(self, trial_number: int, result: TrialResult) -> Logged:
        """Logs the champion's configuration trained on training and validation data together.

        Args:
            trial_number: which trial's configuration it is.
            result: with its test decomposition.
        """
        note = (
            "The champion's configuration, trained on training and validation data together: no "
            "samples are left that could validate this model. The test split judged it once."
        )
        tags = {KIND: "retrained", TRIAL: str(trial_number), SEED: str(result.seed), NOTE: note}
        trial = trial_name(trial_number)
        name = f"retrained {trial} seed-{result.seed} {short_name(result.configuration)}"
        model_name = f"retrained-{trial}-seed-{result.seed}"
        return self._children.log(name, model_name, tags, [result], {})

    def mark_finalists(self, marks: Mapping[int, str]) -> None:
        """Says on the runs of finalists which constraints they miss, by number of their trial."""
        finalists = f"tags.`{KIND}` = 'finalist'"
        for run in self._client.search_runs([self.experiment_id], finalists, max_results=50_000):
            mark = marks.get(int(run.data.tags[TRIAL])) if is_of(run, self._study_id) else None
            if mark is not None and run.data.tags.get(CONSTRAINTS) != mark:
                self._client.set_tag(_id(run), CONSTRAINTS, mark)

    def log_pruned(self, number: int, result: TrialResult, reason: str) -> Logged:
        """Logs a trial that was stopped early, with all that a complete one has but its value.

        It did as it was told, so it is FINISHED; KILLED and FAILED runs need a look. Its name and
        its description say that it was pruned, and why.
        """
        note = (
            f"Pruned: {reason}. It was stopped early because others looked better; that is no "
            "failure. Its metrics and its model are those of its last epoch, and it has no value."
        )
        tags = {KIND: "trial", TRIAL: str(number), SEED: str(result.seed)}
        tags |= {REASON: reason, NOTE: note}
        name = f"{_run_name(number, result.configuration)} (pruned)"
        return self._children.log(name, trial_name(number), tags, [result], {})

    def log_failed(
        self,
        number: int,
        configuration: Configuration,
        reason: str,
        history: Sequence[EpochReport] = (),
        row: str = "",
    ) -> str:
        """Logs a trial that raised or whose loss is not finite as FAILED; returns the run's id."""
        tags = {KIND: "trial", TRIAL: str(number), REASON: reason, NOTE: reason}
        tags |= {ROW: row} if row else {}
        name = _run_name(number, configuration, row)
        return self._children.log_failed(name, tags, configuration, history)

    def is_deleted(self, model_id: str) -> bool:
        """Whether somebody deleted a model."""
        which = f"model_id = '{model_id}'"
        return not self._client.search_logged_models([self.experiment_id], which)

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
        number = next((version.version for version in known if version.source == source), None)
        if number is None:
            number = client.create_model_version(
                name, source, run_id, await_creation_for=0, model_id=model_id
            ).version
        client.update_model_version(name, number, description)
        client.set_registered_model_alias(name, "champion", number)
        return f"models:/{name}@champion"

    def page(self, run_id: str) -> str:
        """Address of a run's page."""
        return run_page(self._study.mlflow_url, self.experiment_id, run_id)

    def close(self, status: Ended) -> None:
        """Ends the parent run: FINISHED, KILLED by an interrupt, or FAILED by an error."""
        self._client.set_terminated(self.parent_id, status)

    def _experiment(self) -> str:
        name, url = self._study.name, self._study.mlflow_url
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            served = store_kind(url).is_mlflow
            folder = self._study.addresses.mlflow_files
            location = None if served else folder.as_uri()
            return self._client.create_experiment(name, location, tags=_TRAINING)
        if experiment.lifecycle_stage != "active":
            way_back = restoring(self._client, f"experiments restore -x {experiment.experiment_id}")
            raise UserError(
                f"{url}: experiment {name} was deleted; restore it with '{way_back}' or rename the "
                "study"
            )
        return experiment.experiment_id

    def _parent(self) -> str:
        parent_id = parent_run(self._client, self.experiment_id, self._study_id)
        if parent_id is not None:
            self._client.update_run(parent_id, "RUNNING")
            return parent_id
        tags = {KIND: "study", "mlflow.source.name": "moe-search"}
        tags |= {STUDY: self._study_id} if self._study_id else {}
        return _id(
            self._client.create_run(self.experiment_id, tags=tags, run_name=self._study.name)
        )

    def _adopt(self) -> None:
        """Let children of a parent that was deleted be this one's."""
        orphans = f"tags.`{KIND}` != 'study' and tags.`{PARENT}` != '{self.parent_id}'"
        for run in self._client.search_runs([self.experiment_id], orphans, max_results=50_000):
            if is_of(run, self._study_id):
                self._client.set_tag(_id(run), PARENT, self.parent_id)

    def _log_study(self, made: Mapping[str, str]) -> None:
        """What is searched, and with which versions."""
        names = {"machine": "moe_search.machine", "commit": "mlflow.source.git.commit"}
        tags = {names.get(name, f"version.{name}"): text for name, text in made.items()}
        tags[NOTE] = self._study.description
        self._client.log_batch(self.parent_id, tags=_tags(tags))
        begun = self._client.get_experiment(self.experiment_id).tags.get(VIEW_TAG, "")
        view = trials_view(self._study, begun)
        self._client.set_experiment_tag(self.experiment_id, VIEW_TAG, view)
        study = self._study.model_dump(mode="json", exclude={"storage"})
        self._client.log_text(self.parent_id, as_yaml(study), "study.yaml")

    def _named(self, values: Sequence[float]) -> dict[str, float]:
        return dict(zip(self._study.objective.mlflow_names, values, strict=False))


def _run_name(number: int, configuration: Configuration, row: str = "") -> str:
    return f"{trial_name(number)} {row or short_name(configuration)}"


def _id(run: Run) -> str:
    run_id: str = run.info.run_id
    return run_id


def _tags(tags: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, text[:LONGEST_TAG]) for key, text in tags.items()]
