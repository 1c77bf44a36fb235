"""Distils a finished model: its attentive gate's decomposition, taught to an original gate."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from moe_search.data import Dataset, load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.evaluate import evaluate
from moe_search.engine.messages import Ready
from moe_search.engine.resident import tensors
from moe_search.engine.trial import EpochReport, Job, TrialFailure, TrialResult, TrialSpec
from moe_search.errors import UserError
from moe_search.package.classifier import Classifier
from moe_search.package.config import Card, Config, read_config
from moe_search.package.open import load_package
from moe_search.progress import Note, Progress, Working, silent
from moe_search.search.executors.base import Died, Plan
from moe_search.search.executors.local import LocalExecutor, plan
from moe_search.search.recorder import line
from moe_search.spec import Configuration
from moe_search.spec.file.load import load_study
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.study import Study
from moe_search.tracking.child_runs import (
    DISTILLED,
    KIND,
    PARENT,
    SEED,
    STUDY,
    TRIAL,
    ChildRuns,
    Logged,
)
from moe_search.tracking.fetch import fetch_model, find_model
from moe_search.tracking.naming import short_name
from moe_search.words import one_line

FROM = "moe_search.distilled_from"
"""Tag of a distilled model's run: the URI of the model that it learned from."""


@dataclass(frozen=True)
class Teacher:
    """A trained model, and where it lies in MLflow.

    Attributes:
        uri: by which MLflow always knows it.
        name: that its study gave it.
        tags: of its run.
        study: as it was run, but for its stores; relative paths start from the current folder.
    """

    client: MlflowClient
    uri: str
    name: str
    experiment_id: str
    tags: dict[str, str]
    study: Study
    config: Config
    classifier: Classifier


@dataclass(frozen=True)
class Distilled:
    """Two models of the same experts, by their gates.

    Attributes:
        teacher, uri: of the attentive gate's model and of the original gate's.
        before, after: their metrics on the test split.
    """

    teacher: str
    uri: str
    before: dict[str, float]
    after: dict[str, float]


def distil(
    uri: str, store: str | None, epochs: int | None, progress: Progress = silent
) -> Distilled:
    """Train an original gate for a model's experts and log both as a model beside the first.

    It is what ``training.distill`` does after a training of as many epochs.

    Args:
        uri: models:/NAME@champion, models:/NAME/VERSION, models:/m-ID or runs:/RUN_ID.
        store: URL of MLflow's store; by default where MLflow itself would look.
        epochs: by default as many as the model was trained for.
        progress: told of every epoch.

    Raises:
        UserError: the model cannot be distilled, its data is not there, or training failed; then
            nothing is logged.
    """
    teacher = fetch_teacher(uri, store)
    mixtures = teacher.classifier.mixtures
    given = mixtures.architecture
    if given.gate is None or not GATES[given.gate].distils:
        kind = f"has the gate {given.gate}" if given.gate else "is a single network"
        raise UserError(f"{uri}: {kind}; only the model of an attentive gate can be distilled")
    source = teacher.study.source
    data = load(source, True, progress)
    if (data.shape, data.classes) != (given.shape, teacher.classifier.labels):
        raise UserError(f"{uri}: was trained on other data than {source.name} is now")
    if data.test is None:
        raise UserError(f"{uri}: {source.name} has no test split to judge by")
    (before,) = evaluate(mixtures, tensors(data.test, torch.device("cpu")))
    spec = TrialSpec(0, _configuration(teacher, epochs), teacher.config.seed)
    job = Job((spec,), given, source, test=True, start=mixtures.state_of(0))
    machine = plan(teacher.study)
    result = _train(job, data, Plan(machine.devices[:1], population=1), progress)
    assert result.test is not None
    logged = log_distilled(teacher, result)
    return Distilled(teacher.uri, logged.model_uri, before.metrics(), result.test.metrics())


def _configuration(teacher: Teacher, epochs: int | None) -> Configuration:
    given = teacher.config.configuration
    changes = {"distill": True, "epochs": epochs or given.training.epochs}
    return given.model_copy(update={"training": given.training.model_copy(update=changes)})


def _train(job: Job, data: Dataset, machine: Plan, progress: Progress) -> TrialResult:
    progress(Working("teaching the gate"))
    with (
        tempfile.TemporaryDirectory() as unused,
        LocalExecutor(
            machine, data, Checkpoints(Path(unused), job.source, after=math.inf)
        ) as executor,
    ):
        executor.submit(job)
        while True:
            for event in executor.events(timeout=1.0):
                match event:
                    case EpochReport():
                        progress(Note(f"epoch {event.epoch}  {line(event.metrics)}"))
                    case TrialResult():
                        return event
                    case TrialFailure() | Died():
                        raise UserError(f"the distillation failed: {event.reason}")
                    case Ready():
                        pass


def fetch_teacher(uri: str, tracking_url: str | None) -> Teacher:
    """Finds a model and all that it takes to go on with it.

    Raises:
        UserError: there is no such model, or no study logged it.
    """
    client, model = find_model(uri, tracking_url)
    known = f"models:/{model.model_id}"
    with tempfile.TemporaryDirectory() as temporary:
        package = fetch_model(known, client.tracking_uri, Path(temporary, "package"))
        classifier, config = load_package(package), read_config(package)
        try:
            tags = client.get_run(str(model.source_run_id)).data.tags
            file = client.download_artifacts(tags.get(PARENT, ""), "study.yaml", temporary)
        except (MlflowException, OSError):
            raise UserError(one_line(f"{uri}: no study logged it; its data is unknown")) from None
        logged = load_study(Path(file)).model_dump(exclude_unset=True)
    study = Study.model_validate(logged, context={"folder": Path.cwd()})
    return Teacher(client, known, model.name, model.experiment_id, tags, study, config, classifier)


def log_distilled(teacher: Teacher, result: TrialResult) -> Logged:
    """Logs a distilled model as a run of its teacher's study."""
    tags = {KIND: DISTILLED, FROM: teacher.uri, SEED: str(result.seed)}
    tags |= {name: text for name, text in teacher.tags.items() if name == TRIAL}
    given = teacher.config.card
    card = Card(given.data, given.classes, given.mean, given.std, given.preprocessing)
    owner = teacher.tags[PARENT], teacher.tags.get(STUDY, "")
    runs = ChildRuns(teacher.client, teacher.experiment_id, *owner, card)
    name = f"{teacher.name} {short_name(result.configuration)}"
    return runs.log(name, f"{teacher.name}-distilled", tags, [result], {})
