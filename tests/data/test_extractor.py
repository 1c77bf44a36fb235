"""Features of images by a pre-trained network: those of a plain reference, or one line.

Shape suffixes: N sample; C channel, H height, W width; F feature.
"""

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.frozen_networks import NAME, SIDE, reference, saved_network
from torch import nn
from torchvision import models

from moe_search.data import Dataset, extractor, frozen_network, load, mapped
from moe_search.data.mapped import Mapped
from moe_search.data.sets import arrays
from moe_search.errors import UserError
from moe_search.progress import Note, Working
from moe_search.spec import PRESETS, Data, Model, Study, resolve_backbone
from moe_search.spec.file.load import check_study
from moe_search.spec.kinds.data_sets import DATA_SETS

N = 90  # more than pass at once


class InThisProcess:
    """Answers at once: another process would import torch for seconds."""

    def ask(self, function: Callable[[Any], Any], part: Any, _: object = None) -> Any:
        return function(part)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[Note | Working]:
    """What is told by what would be another process."""
    told: list[Note | Working] = []
    monkeypatch.setattr(extractor, "Helper", InThisProcess)
    monkeypatch.setattr(extractor, "tell", told.append)
    return told


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_network(tmp_path_factory.mktemp("networks") / "mine.safetensors")


def images(kind: str) -> Any:
    rng = np.random.default_rng(0)
    if kind == "grey bytes":
        return rng.integers(0, 256, (N, 1, 12, 9), np.uint8)
    if kind == "floats":
        return rng.random((N, 3, SIDE, SIDE), np.float32)
    return rng.random((N, 3, 40, 44))


def source(folder: Path, x: Any, features: Any, **keys: Any) -> Data:
    np.savez(folder / "mine.npz", x_train=x, y_train=np.arange(N) % 3, x_test=x[:6], y_test=[0] * 6)
    return Data(name="arrays", path=folder / "mine.npz", features=features, **keys)


def mine(weights: Path) -> dict[str, Any]:
    return {"network": NAME, "weights": weights, "image_size": SIDE}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kind", ["grey bytes", "floats", "doubles"])
def test_features_are_those_of_a_plain_reference(
    kind: str, large: bool, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = images(kind)
    if large:
        monkeypatch.setattr(mapped, "RESIDENT", 100)
    found = load(source(tmp_path, x, mine(weights), validation=0), test=True)
    pixels = x / 255 if kind == "grey bytes" else x
    expected_NF = reference(torch.from_numpy(pixels.astype(np.float32))).double().numpy()
    std_F = np.where(np.ptp(expected_NF, 0) == 0, 1.0, expected_NF.std(0))
    assert isinstance(found.train.x, Mapped) == large
    assert found.shape == (1024,)
    assert found.mean == pytest.approx(expected_NF.mean(0), rel=1e-3, abs=1e-5)
    assert found.std == pytest.approx(std_F, rel=1e-3, abs=1e-5)
    assert found.test is not None
    for split, expected in ((found.train, expected_NF), (found.test, expected_NF[:6])):
        assert np.allclose(split.x[:] * found.std + found.mean, expected, atol=1e-4)


def test_a_model_is_told_which_network_made_the_features(weights: Path, tmp_path: Path) -> None:
    found: Dataset = load(source(tmp_path, images("grey bytes"), mine(weights)))
    known = found.preprocessing.extractor
    assert known is not None
    assert found.preprocessing.whole
    assert (known.network, known.weights, known.shape) == (NAME, str(weights), (1, 12, 9))
    assert known.image_size == SIDE
    with weights.open("rb") as file:
        assert known.sha256 == hashlib.file_digest(file, "sha256").hexdigest()


def test_no_random_number_is_drawn(weights: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    frozen_network._opened.cache_clear()
    load(source(tmp_path, images("floats"), mine(weights)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_whose_head_is_a_convolution_gives_what_that_would_average(
    tmp_path: Path,
) -> None:
    network: Any = models.get_model("squeezenet1_1", weights=None).eval()
    save_file(network.state_dict(), tmp_path / "squeezenet.safetensors")
    given = {**mine(tmp_path / "squeezenet.safetensors"), "network": "squeezenet1_1"}
    x = images("floats")
    found = load(source(tmp_path, x, given, validation=0))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    with torch.no_grad():
        maps_NFHW = network.features((torch.from_numpy(x) - mean) / std)
    expected_NF = maps_NFHW.relu().mean((2, 3)).numpy()
    assert found.shape == (512,)
    assert np.allclose(found.train.x * found.std + found.mean, expected_NF, atol=1e-4)


def test_a_head_for_other_classes_is_no_obstacle(weights: Path, tmp_path: Path) -> None:
    state = load_file(weights)
    tuned = {**state, "fc.weight": torch.ones(7, 1024), "fc.bias": torch.ones(7)}
    save_file(tuned, tmp_path / "tuned.safetensors")
    x = images("floats")
    one, other = (
        load(source(tmp_path, x, mine(file))) for file in (weights, tmp_path / "tuned.safetensors")
    )
    assert np.array_equal(one.train.x, other.train.x)


def test_features_are_not_flipped_and_cropped_as_their_images_would_be(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images_of_cifars_kind = replace(DATA_SETS["arrays"].load(), augmented=True)
    monkeypatch.setattr(arrays, "ARRAYS", images_of_cifars_kind)
    x = images("floats")
    assert load(source(tmp_path, x, ())).augment
    assert not load(source(tmp_path, x, mine(weights))).augment


def test_auto_takes_the_preset_for_embeddings(weights: Path) -> None:
    cifar = Data(name="cifar10", features=mine(weights))
    assert resolve_backbone(Model(), cifar.preset, (512,), 10) == PRESETS["mlp_embedding"]
    assert resolve_backbone(Model(), Data(name="mnist").preset, (1, 28, 28), 10) == PRESETS["mnist"]


def _lacks_a_layer(weights: Path) -> Any:
    state = load_file(weights)
    del state["conv5.0.weight"]
    file = weights.with_name("short.safetensors")
    save_file(state, file)
    return {**mine(weights), "weights": file}


def _is_no_safetensors(weights: Path) -> Any:
    file = weights.with_name("text.safetensors")
    file.write_text("weights")
    return {**mine(weights), "weights": file}


MISTAKES: list[tuple[Callable[[Path], Any], str]] = [
    (lambda _: "resnt18", "data.features: resnt18 is no network of torchvision's; did you mean"),
    (
        lambda w: {**mine(w), "weights": w.with_name("gone")},
        "data.features: there is no file .*/gone; weights",
    ),
    (lambda w: {**mine(w), "network": "resnet18"}, "is missing, but resnet18 needs"),
    (_lacks_a_layer, r"short.safetensors: conv5.0.weight is missing, but .* needs \[1024, 192"),
    (_is_no_safetensors, "text.safetensors: no readable safetensors"),
]


@pytest.mark.parametrize(("features", "words"), MISTAKES)
def test_a_network_that_is_not_there_or_does_not_fit_is_one_line(
    features: Callable[[Path], Any], words: str, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words) as raised:
        load(source(tmp_path, images("doubles"), features(weights)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.random.default_rng(0).random((N, 5)), r"takes images .* have the shape \(5,\)"),
        (np.random.default_rng(0).random((N, 2, 8, 8)), r"takes images of 1 or 3 channels"),
        (np.random.default_rng(0).random((N, 3, 8, 8)) * 255, "takes bytes, or pixels of 0 to 1"),
    ],
)
def test_samples_that_no_network_takes_are_one_line(
    x: Any, words: str, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        load(source(tmp_path, x, mine(weights), layout="channels_first"))


def test_a_size_that_the_network_cannot_take_is_one_line(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transforms = models.get_model_weights(NAME).DEFAULT.transforms()
    large = frozen_network.FrozenNetwork(nn.Conv2d(3, 4, SIDE + 1), SIDE, transforms)
    monkeypatch.setattr(frozen_network, "open_network", lambda *_: large)
    with pytest.raises(UserError, match=f"{NAME} cannot take images of 32 x 32 .Calc") as raised:
        load(source(tmp_path, images("doubles"), mine(weights)))
    assert "\n" not in str(raised.value)


Serve = Callable[[bytes | OSError], Path]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serve:
    """Lets torch download some bytes, whatever it asks for, into a folder that is given."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def serve(content: bytes | OSError) -> Path:
        def answer(_: object) -> Any:
            if isinstance(content, OSError):
                raise content
            served: Any = io.BytesIO(content)
            header = Message()
            header["Content-Length"] = str(len(content))
            served.info = lambda: header
            return served

        monkeypatch.setattr(torch.hub, "urlopen", answer)
        return tmp_path / "hub" / "checkpoints"

    return serve


FILE = "shufflenetv2_x0.5-f707e7126e.pth"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (OSError("no route to host"), "no route to host"),
        (b"x", 'invalid hash value (expected "f707e7126e", got "2d711642b726b04401627ca9fbac32f5c85'
         '30fb1903cc4db02258717921a4881")'),
    ],
)  # fmt: skip
def test_published_weights_that_cannot_be_fetched_are_one_line(
    content: bytes | OSError, reason: str, serve: Serve, tmp_path: Path
) -> None:
    place = serve(content)
    with pytest.raises(UserError) as raised:
        load(source(tmp_path, images("doubles"), NAME))
    assert str(raised.value) == (
        f"{FILE}: not found and not downloaded ({reason}); put it into {place}, or set $TORCH_HOME"
    )
    assert not list(place.iterdir())


def test_published_weights_are_fetched_once_and_that_is_told(
    weights: Path,
    serve: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_this_process: list[Note | Working],
) -> None:
    torch.save(load_file(weights), tmp_path / "published.pth")
    content = (tmp_path / "published.pth").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(frozen_network, "_prefix", lambda name: sha256[:8])
    place = serve(content)
    x = images("floats")
    found = load(source(tmp_path, x, {"network": NAME, "image_size": SIDE}))
    assert Note(f"downloading {FILE} to {place}") in in_this_process
    bars = [told.text for told in in_this_process if isinstance(told, Working)]
    assert any(bar.startswith(f"downloading {FILE} 100%") for bar in bars)
    assert found.preprocessing.extractor is not None
    assert found.preprocessing.extractor.weights == FILE
    assert found.preprocessing.extractor.sha256 == sha256
    serve(OSError("gone"))
    again = load(source(tmp_path, x, {"network": NAME, "image_size": SIDE}))
    assert np.array_equal(found.train.x, again.train.x)
    own = load(source(tmp_path, x, mine(weights)))
    assert np.array_equal(found.train.x, own.train.x)


def test_published_weights_are_not_unpickled(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"weights": Path("an object")}, tmp_path / "published.pth")
    content = (tmp_path / "published.pth").read_bytes()
    monkeypatch.setattr(frozen_network, "_prefix", lambda name: hashlib.sha256(content).hexdigest())
    serve(content)
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    with pytest.raises(UnpicklingError, match="pathlib"):
        load(source(tmp_path, images("doubles"), NAME))
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_published_weights_that_are_damaged_are_one_line(serve: Serve, tmp_path: Path) -> None:
    place = serve(OSError("not asked"))
    place.mkdir(parents=True)
    (place / FILE).write_bytes(b"cut")
    with pytest.raises(UserError, match=f"{FILE}: is damaged .* remove it, to have it downloaded"):
        load(source(tmp_path, images("doubles"), NAME))


def test_weights_of_a_file_lie_beside_the_study(tmp_path: Path) -> None:
    features = {"network": NAME, "weights": "mine.safetensors"}
    content = {"name": "a", "data": {"name": "mnist", "features": features}}
    study = Study.model_validate(content, context={"folder": tmp_path})
    assert study.source.network is not None
    assert study.source.network.weights == tmp_path / "mine.safetensors"
    assert check_study({"name": "a", "data": {"name": "mnist", "features": NAME}}).source.network
