"""A whole study on a network's features: its model takes raw images, and says what it needs.

Shape suffixes: B sample; C class; H height, W width.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from PIL import Image
from support.frozen_networks import NAME, SIDE, reference, saved_network

import moe_search
from moe_search.data.frozen_network import _opened
from moe_search.errors import UserError
from moe_search.models.explain import explain
from moe_search.models.predict import predict
from moe_search.models.pull import FoundModel, describe
from moe_search.package.classifier import Classifier
from moe_search.package.config import IN_MODEL, read_config
from moe_search.package.open import load_package

STUDY = """\
name: seen
data:
  name: image_folder
  path: photos
  features: {network: shufflenet_v2_x0_5, weights: mine.safetensors, image_size: 32}
model: {experts: 2}
training: {epochs: 2}
search: {trials: 1, workers: 1, device: cpu}
finalists: {top: 1, seeds: 1}
"""


@dataclass(frozen=True)
class Trained:
    """A study that has run, and its champion.

    Attributes:
        package: of the champion.
        images: files of training images.
        x_BCHW: what they hold, 0 to 1.
        served: the champion, as MLflow opens it.
    """

    package: Path
    images: list[Path]
    x_BCHW: torch.Tensor
    served: Any


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_stores: Path) -> Trained:
    folder = shutil.copytree(empty_stores, tmp_path_factory.mktemp("seen") / "study")
    rng = np.random.default_rng(0)
    x_BHWC = rng.integers(0, 256, (60, SIDE, SIDE, 3), np.uint8)
    files = []
    for number, pixels in enumerate(x_BHWC):
        pixels[:, :, number % 3] //= 4
        file = folder / "photos" / "rgb"[number % 3] / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
        files.append(file)
    saved_network(folder / "mine.safetensors")
    (folder / "study.yaml").write_text(STUDY)
    outcome = moe_search.run(folder / "study.yaml")
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("MLFLOW_TRACKING_URI", outcome.stores.mlflow)
        served = mlflow.pyfunc.load_model(outcome.champion)
        package = Path(mlflow.artifacts.download_artifacts(f"{outcome.champion}/{IN_MODEL}"))
    return Trained(package, files, torch.from_numpy(x_BHWC).permute(0, 3, 1, 2) / 255, served)


@pytest.fixture
def model(trained: Trained) -> Classifier:
    return load_package(trained.package)


def test_raw_images_are_answered_as_their_features_are(model: Classifier, trained: Trained) -> None:
    assert model.mixtures.architecture.shape == (1024,)
    p_BC = model(reference(trained.x_BCHW))
    assert torch.allclose(model(trained.x_BCHW), p_BC, atol=1e-4)
    for number, file in enumerate(trained.images[:4]):
        (said,) = predict(model, file)
        assert said.probability == pytest.approx(float(p_BC[number].max()), abs=1e-4)
        (why,) = explain(model, file)
        assert why.probability == said.probability
        assert np.allclose(why.x_S, trained.x_BCHW[number], atol=1e-6)
    assert p_BC.std(0).max() > 0.01


def test_mlflow_serves_raw_images(model: Classifier, trained: Trained) -> None:
    expected = model(reference(trained.x_BCHW)).numpy()
    raw = (trained.x_BCHW * 255).round().to(torch.uint8).numpy()
    for values in (trained.x_BCHW.numpy(), raw, [file.read_bytes() for file in trained.images]):
        assert np.allclose(trained.served.predict(values), expected, atol=1e-4)
    needs = trained.served.metadata.metadata["input"]
    assert needs["shape"] == [-1, 3, SIDE, SIDE]
    assert needs["needs"]["network"] == NAME
    assert needs["needs"]["weights"].endswith("/mine.safetensors")
    assert len(needs["needs"]["sha256"]) == 64


def test_what_a_model_needs_is_said(trained: Trained) -> None:
    facts = dict(describe(FoundModel("models:/seen/1", None), trained.package))
    network, weights = facts["needs"].split(" with the weights ")
    assert network == NAME
    assert "/mine.safetensors (SHA-256 " in weights


def test_images_of_another_shape_are_refused(model: Classifier) -> None:
    with pytest.raises(
        ValueError, match=r"expected input \[batch, 3, 32, 32\], got \[2, 3, 8, 8\]"
    ):
        model(torch.zeros(2, 3, 8, 8))


def test_weights_are_looked_for_and_must_be_the_same(
    model: Classifier, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = model.preprocessing
    assert given is not None
    assert given.extractor is not None
    weights, moved = Path(given.extractor.weights), str(tmp_path / "mine.safetensors")
    extractor = given.extractor.model_copy(update={"weights": moved})
    model.preprocessing = given.model_copy(update={"extractor": extractor})
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints"
    with pytest.raises(UserError) as raised:
        next(predict(model, trained.images[0]))
    assert str(raised.value) == (
        f"{NAME}: its weights are neither {moved} nor in {place}; put mine.safetensors there "
        f"(SHA-256 {extractor.sha256})"
    )
    place.mkdir(parents=True)
    shutil.copy(weights, place)
    assert next(predict(model, trained.images[0])).label in model.labels
    shutil.move(place / "mine.safetensors", moved)
    assert next(predict(model, trained.images[0])).label in model.labels
    with Path(moved).open("ab") as file:
        file.write(b"more")
    _opened.cache_clear()  # as in a process that has not opened it before
    with pytest.raises(UserError, match=f"^{moved}: other weights of {NAME} than those with SHA-"):
        next(predict(model, trained.images[0]))


def test_a_package_of_features_and_images_at_once_is_damaged(
    trained: Trained, tmp_path: Path
) -> None:
    """The network's features are no image."""
    package = shutil.copytree(trained.package, tmp_path / "package")
    config = json.loads((package / "config.json").read_text())
    config["architecture"]["shape"] = [1024, 1, 1]
    (package / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="makes features, which the model does not take"):
        read_config(package)
