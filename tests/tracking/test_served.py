"""What ``mlflow models serve`` answers to raw samples: the server's own function is called."""

import json
from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.pyfunc.scoring_server import invocations
from support.trained_models import CLASSES, IMAGE, train_model

from moe_search.data.encoding import Encoding
from moe_search.data.preprocessing import Preprocessing
from moe_search.package.config import Card
from moe_search.tracking.model_logging import log_model

Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Logs a model with a card, and gives it as MLflow opens it."""
    folder = tmp_path_factory.mktemp("served")
    url = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(url)
    experiment = client.create_experiment("served", artifact_location=str(folder / "artifacts"))

    def log(preprocessing: Preprocessing, shape: tuple[int, ...], **model: Any) -> Any:
        card = Card("own", CLASSES, (0.4,) * shape[0], (0.3,) * shape[0], preprocessing)
        run = client.create_run(experiment).info.run_id
        result = train_model(shape=shape, epochs=1, **model)
        model_id = log_model(client, experiment, run, "own", result, card)
        with pytest.MonkeyPatch.context() as shell:
            shell.setenv("MLFLOW_TRACKING_URI", url)
            return mlflow.pyfunc.load_model(f"models:/{model_id}")

    return log


@pytest.fixture(scope="module")
def images(opened: Opened) -> Any:
    return opened(Preprocessing(whole=True), IMAGE)


@pytest.fixture(scope="module")
def rows(opened: Opened) -> Any:
    frame = pd.DataFrame({"age": [1.0, None, 5.0, 3.0], "home": ["sea", "farm", None, "sea"]})
    encoding = Encoding.fit(frame, {"age": "number", "home": "category"})
    return opened(Preprocessing(encoding=encoding), (5,), backbone="mlp")


def answer(model: Any, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and predictions of a POST to /invocations."""
    found = invocations(json.dumps(body), "application/json", model, None)  # type: ignore[no-untyped-call]
    return found.status, json.loads(found.response).get("predictions")


X = np.random.default_rng(0).integers(0, 256, (2, *IMAGE))


@pytest.mark.parametrize(
    "values",
    [X, X / 255, (X / 255).astype(np.float32), X.astype(np.uint8), X.tolist(), (X / 255).tolist(),
     pd.DataFrame((X / 255).reshape(2, -1))],
    ids=["int", "float64", "float32", "bytes", "lists", "lists of floats", "a frame"],
)  # fmt: skip
def test_numbers_of_every_type_are_the_same_images(images: Any, values: Any) -> None:
    expected = images.predict((X / 255).astype(np.float32))
    found = images.predict(values)
    assert [*found.columns] == list(CLASSES)
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_served_images_name_their_classes(images: Any, key: str) -> None:
    status, predictions = answer(images, {key: X.tolist()})
    assert status == 200
    assert [list(one) for one in predictions] == [list(CLASSES)] * 2
    assert [sum(one.values()) for one in predictions] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [{"age": 5, "home": "sea"}]},
        {"dataframe_split": {"columns": ["home", "age"], "data": [["sea", 5.0]]}},
        {"inputs": {"age": [5], "home": ["sea"]}},
        {"inputs": [[5, "sea"]]},
    ],
    ids=["records", "split", "columns", "lists"],
)
def test_served_rows_of_every_form_are_the_same(rows: Any, body: dict[str, Any]) -> None:
    expected = rows.predict(pd.DataFrame({"age": [5.0], "home": ["sea"]}))
    status, predictions = answer(rows, body)
    assert status == 200
    assert predictions[0] == pytest.approx(expected.iloc[0].to_dict(), abs=1e-6)


def test_what_a_row_misses_is_imputed_as_in_training(rows: Any) -> None:
    status, predictions = answer(rows, {"dataframe_records": [{"age": None, "home": None}]})
    frame = pd.DataFrame({"age": [float("nan")], "home": [None]})
    assert status == 200
    assert predictions[0] == pytest.approx(rows.predict(frame).iloc[0].to_dict(), abs=1e-6)


def refused(model: Any, body: str) -> None:
    with pytest.raises(mlflow.exceptions.MlflowException) as raised:
        invocations(body, "application/json", model, None)  # type: ignore[no-untyped-call]
    assert raised.value.get_http_status_code() == 400  # type: ignore[no-untyped-call]


def test_what_cannot_be_predicted_is_a_bad_request(images: Any, rows: Any) -> None:
    refused(images, '{"inputs": [[' + ", ".join(["NaN"] * 64) + "]]}")
    refused(images, '{"inputs": [[1, 2]]}')
    refused(rows, '{"dataframe_records": [{"age": "old", "home": "sea"}]}')
    refused(rows, '{"dataframe_records": [{"age": 1}]}')


def test_pixels_far_from_those_of_training_are_told(images: Any) -> None:
    with pytest.warns(UserWarning, match="values of .* but the model was trained on 0 to 1"):
        images.predict(X.astype(np.float32))
