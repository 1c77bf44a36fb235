"""Models in MLflow: a package inside what ``mlflow.pyfunc.load_model`` opens."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

from mlflow import MlflowClient, pyfunc
from mlflow.entities import LoggedModelOutput
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from moe_search.engine.trial import TrialResult
from moe_search.package.config import IN_MODEL, Card, save_package
from moe_search.tracking.failed import failing


def log_model(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    name: str,
    result: TrialResult,
    card: Card,
) -> str:
    """Logs a result's model as READY, as the output of a run; returns its id."""
    logged = client.create_logged_model(experiment_id, name, source_run_id=run_id)
    model_id = logged.model_id
    with (
        failing(lambda: client.finalize_logged_model(model_id, "FAILED")),
        tempfile.TemporaryDirectory() as temporary,
    ):
        folder = Path(temporary)
        package = folder / Path(IN_MODEL).name
        save_package(package, result, card)
        with warnings.catch_warnings():
            # The signature is known; an example would only be stored beside it.
            warnings.filterwarnings("ignore", ".*An input example was not provided")
            pyfunc.save_model(
                folder / "model",
                loader_module="moe_search.pyfunc",
                data_path=package,
                mlflow_model=Model(run_id=run_id, model_id=model_id),
                signature=_signature(card),
                metadata={"input": _input(result, card)},
                pip_requirements=["moe-search"],
                # By default MLflow copies the lock file of the folder we happen to run in.
                uv_project_path=package,
            )
        client.log_model_artifacts(model_id, str(folder / "model"))
    client.finalize_logged_model(model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=result.history[-1].epoch)])
    return model_id


def _signature(card: Card) -> ModelSignature:
    """Class probabilities by the classes' names.

    What goes in has none: MLflow would refuse float64, whole numbers and lists, which the model
    casts (see ``_input``).
    """
    return ModelSignature(outputs=Schema([ColSpec(DataType.float, name) for name in card.classes]))


def _input(result: TrialResult, card: Card) -> dict[str, Any]:
    """What the model takes, for people and programs that read its metadata."""
    if card.preprocessing and (encoding := card.preprocessing.encoding):
        return {"columns": {column.name: column.kind for column in encoding.columns}}
    if card.preprocessing and (extractor := card.preprocessing.extractor):
        needs = extractor.model_dump(include={"network", "weights", "sha256"})
        return {"shape": [-1, *extractor.shape], "needs": needs}
    return {"shape": [-1, *result.architecture.shape]}
