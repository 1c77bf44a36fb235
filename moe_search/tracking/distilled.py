"""Distilled models in MLflow: what they are made of, and their own runs beside it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.moe.classifier import Classifier
from moe_search.spec.load import load_study
from moe_search.spec.study import Study
from moe_search.spec.words import one_line
from moe_search.tracking.child_runs import DISTILLED, KIND, PARENT, SEED, TRIAL, ChildRuns, Logged
from moe_search.tracking.fetch import fetch_model, find_model
from moe_search.tracking.package import load_package
from moe_search.tracking.packing import Card, Config, read_config
from moe_search.tracking.words import short_name

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
    card = Card(given.data, given.classes, given.mean, given.std)
    runs = ChildRuns(teacher.client, teacher.experiment_id, teacher.tags[PARENT], card)
    name = f"{teacher.name} {short_name(result.configuration)}"
    return runs.log(name, f"{teacher.name}-distilled", tags, [result], {})
