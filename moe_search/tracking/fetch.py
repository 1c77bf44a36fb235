"""Finds a model by its URI and brings its package here."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from moe_search.errors import UserError
from moe_search.package.config import CONFIG, FILES, IN_MODEL
from moe_search.spec.kinds.stores import check_mlflow_url
from moe_search.words import one_line

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

    from moe_search.package.classifier import Classifier


_TOLD = 20  # models that are named in place of one that is not there
_FORMS = "models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID, runs:/RUN_ID or a folder"


def fetch_model(uri: str, tracking_url: str | None, to: Path) -> Path:
    """Brings the files of a model's package into a folder, which is created, and returns it.

    Raises:
        UserError: as ``load_model``.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client, model = find_model(uri, tracking_url)
    source, url = f"{model.artifact_location}/{IN_MODEL}", client.tracking_uri
    with tempfile.TemporaryDirectory() as temporary:
        try:
            package = Path(download_artifacts(source, dst_path=temporary, tracking_uri=url))
            to.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                shutil.copyfile(package / name, to / name)
        except (MlflowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(one_line(f"{uri}: cannot be fetched: {reason}")) from None
    return to


def find_model(uri: str, tracking_url: str | None) -> "tuple[MlflowClient, LoggedModel]":
    """The store, and what MLflow knows of the model in it.

    Raises:
        UserError: as ``load_model``.
    """
    if not uri.startswith(("models:/", "runs:/")):
        raise UserError(one_line(f"{uri}: there is no such model; expected {_FORMS}"))
    import mlflow
    from mlflow.exceptions import MlflowException

    from moe_search.stores.mlflow import open_store

    url = tracking_url or mlflow.get_tracking_uri()
    try:
        check_mlflow_url(url)
    except ValueError as error:
        raise UserError(one_line(f"{url}: {error}")) from None
    client = open_store(url, create=False)
    model_id = ""
    try:
        model_id = _model_id(client, uri)
        return client, client.get_logged_model(model_id)
    except MlflowException:
        if model_id and model_id not in uri:
            raise UserError(one_line(f"{uri}: its model, {model_id}, was deleted")) from None
        there = f"{url} has {_known(client)}"
        raise UserError(one_line(f"{uri}: there is no such model; {there}")) from None


def _model_id(client: "MlflowClient", uri: str) -> str:
    # the registry does not keep a version's model, but its run, which has one
    if match := re.fullmatch(r"models:/([^/@]+)@([^/@]+)", uri):
        uri = f"runs:/{client.get_model_version_by_alias(match[1], match[2]).run_id}"
    if match := re.fullmatch(r"models:/([^/@]+)/(\d+)", uri):
        uri = f"runs:/{client.get_model_version(match[1], match[2]).run_id}"
    if match := re.fullmatch(r"models:/(m-[0-9a-f]+)", uri):
        return match[1]
    if match := re.fullmatch(r"runs:/([^/]+)(/.*)?", uri):
        outputs = client.get_run(match[1]).outputs
        for model in outputs.model_outputs if outputs else []:
            return str(model.model_id)
        raise UserError(one_line(f"{uri}: the run has no model"))
    raise UserError(one_line(f"{uri}: is not a model's URI; expected {_FORMS}"))


def _known(client: "MlflowClient") -> str:
    """What is registered: aliases, and versions of models without one."""
    names = [
        *(
            f"models:/{model.name}@{alias}"
            for model in client.search_registered_models(max_results=_TOLD)
            for alias in model.aliases
        ),
        *(
            f"models:/{version.name}/{version.version}"
            for version in client.search_model_versions(max_results=_TOLD)
            if not version.aliases
        ),
    ]
    return ", ".join(names[:_TOLD]) or "no registered model"


def load_model(uri: str | Path, tracking_url: str | None = None) -> "Classifier":
    """The model under a URI, in evaluation mode; nothing is unpickled, no stored code is run.

    Args:
        uri: models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID, runs:/RUN_ID, or a folder:
            a package, or a model of MLflow's with one inside. A folder needs no MLflow.
        tracking_url: MLflow's store; by default where MLflow itself would look.

    Raises:
        UserError: there is no such model or store, or the package is damaged.
    """
    from moe_search.package.open import load_package  # loads torch

    folder = Path(uri)
    if folder.is_dir():
        return load_package(folder if (folder / CONFIG).exists() else folder / IN_MODEL)
    with tempfile.TemporaryDirectory() as temporary:
        return load_package(fetch_model(str(uri), tracking_url, Path(temporary)))
