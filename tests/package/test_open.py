import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from support.damaged_files import damaged, unless_refused
from support.trained_models import CARD, CLASSES, IMAGE, train_model

from moe_search.data.preprocessing import Preprocessing
from moe_search.engine.trial import TrialResult
from moe_search.errors import UserError
from moe_search.moe.build import build
from moe_search.package.config import Card, read_config, save_package
from moe_search.package.open import load_package
from moe_search.pyfunc import _load_pyfunc

Config = dict[str, Any]

BIASED = {"bias_rate": 0.1}


@pytest.fixture
def package(tmp_path: Path, result: TrialResult) -> Path:
    save_package(tmp_path / "package", result, CARD)
    return tmp_path / "package"


def samples(count: int, shape: tuple[int, ...] = IMAGE) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


def edit(package: Path, change: Callable[[Config], object]) -> None:
    config = json.loads((package / "config.json").read_text())
    change(config)
    (package / "config.json").write_text(json.dumps(config))


def refusal(package: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_package(package)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    ("shape", "model"),
    [
        (IMAGE, {"gate": "attentive"}),
        (IMAGE, {"gate": "original", "output": "top_k", "top_k": 2}),
        (IMAGE, {"output": "stochastic"}),
        (IMAGE, {"gate": "perturbed_cosine", "perturbation": 0.25}),
        (IMAGE, {"gate": "loudest", "temperature_schedule": "quarters"}),
        (IMAGE, {"gate": "expert_loss"}),
        (IMAGE, {"gate": "soft", "slots": 2}),
        (IMAGE, {"gate": "noisy", "output": "top_k", "top_k": 2}),
        (IMAGE, {"gate": "sigmoid", "output": "top_k", "top_k": 2, "regularizer": BIASED}),
        (IMAGE, {"gate": "attentive", "output": "top_k", "top_k": 1, "regularizer": BIASED}),
        (IMAGE, {"kind": "single"}),
        ((5,), {"gate": "attentive"}),
        ((2, 9, 9), {"backbone": "conv"}),
        ((2, 9, 9), {"backbone": "residual"}),
        ((5,), {"backbone": "mlp_table"}),
        ((5,), {"backbone": "mlp_embedding"}),
        ((2, 9, 9), {"backbone": "residual", "gate": "soft", "slots": 2}),
    ],
)
def test_a_loaded_model_is_the_trained_one(
    tmp_path: Path, shape: tuple[int, ...], model: Config
) -> None:
    trained = train_model(seed=3, epochs=2, shape=shape, **model)
    mean, std = (0.4,) * shape[0], (0.3,) * shape[0]
    save_package(tmp_path, trained, Card("random", CLASSES, mean, std))
    loaded = load_package(tmp_path)
    mixtures = build(trained.architecture, [trained.experts], [trained.temperature])
    mixtures.load_states([trained.state])
    x = samples(9, shape)
    logits_1MB, outputs_1MCB = mixtures.eval()(((x - 0.4) / 0.3).movedim(0, -1).contiguous())
    rule = mixtures.rule()
    p_1MB = rule.inference_gate(logits_1MB)
    expected_BC = rule.answer(p_1MB, outputs_1MCB)[0].t()
    torch.testing.assert_close(loaded(x), expected_BC)
    assert loaded.labels == CLASSES
    assert not loaded.training


def test_preprocessing_is_written_as_before_there_was_what_it_does_without(tmp_path: Path) -> None:
    trained, before = train_model(epochs=1), {"low", "high", "whole", "encoding"}
    for last in (False, True):
        kept = Preprocessing(whole=True, channels_last=last)
        save_package(tmp_path, trained, Card("random", CLASSES, (0.4,), (0.3,), kept))
        config = json.loads((tmp_path / "config.json").read_text())
        names = before | {"channels_last"} if last else before
        assert config["card"]["preprocessing"].keys() == names
        assert load_package(tmp_path).preprocessing == kept


def test_a_rule_is_written_as_before_there_was_a_bias(tmp_path: Path) -> None:
    rules = []
    for regularizer in ({}, BIASED):
        trained = train_model(epochs=1, output="top_k", top_k=1, regularizer=regularizer)
        save_package(tmp_path, trained, CARD)
        rules.append(json.loads((tmp_path / "config.json").read_text())["architecture"]["rule"])
        assert ("gate.choice_bias" in trained.state) == bool(regularizer)
    assert rules == [{"kind": "top_k", "k": 1}, {"kind": "top_k", "k": 1, "biased": True}]


def test_the_configuration_says_where_a_model_comes_from(
    package: Path, result: TrialResult
) -> None:
    config = json.loads((package / "config.json").read_text())
    assert config["card"]["data"] == "random"
    assert config["seed"] == result.seed
    assert config["configuration"] == result.configuration.model_dump(mode="json")
    assert config["validation"] == result.validation.metrics()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.update(format=2), "format 2 is unknown; this version reads 1"),
        (lambda c: c.pop("format"), "expected a mapping with the key format"),
        (lambda c: c.pop("experts"), "experts: Field required"),
        (lambda c: c.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda c: c.update(experts="4"), "experts: Input should be a valid integer"),
        (lambda c: c.update(experts=2000), "experts: Input should be less than"),
        (lambda c: c.update(experts=5), "but config.json needs F32 [5,"),
        (lambda c: c.update(temperature=0), "temperature: Input should be greater than 0"),
        (lambda c: c["card"].update(mean=["x"]), "card.mean[0]: Input should be a valid number"),
        (lambda c: c["card"].update(mean=[0.1, 0.2]), "expected mean and std of each channel"),
        (lambda c: c["card"].update(classes=["cat"]), "card.classes: expected a name of each"),
        (lambda c: c["card"].update(std=[0.0]), "card.std[0]: Input should be greater than 0"),
        (lambda c: c["card"].update(mean=[0.5]), "is not as it was saved"),
        (lambda c: c.update(seal="00"), "is not as it was saved"),
        (
            lambda c: c["architecture"].update(shape=[1, 2, 2]),
            "architecture.backbone: expert: layer",
        ),
        (lambda c: c["architecture"].update(shape=[8, 8]), "expected 1 or 3 sizes"),
        (lambda c: c["architecture"].update(gate=None), "there is something to gate"),
        (
            lambda c: c["architecture"].update(gate="none"),
            "architecture.gate: 'none' is unknown; no",
        ),
        (lambda c: c["architecture"]["rule"].update(kind="none"), "rule.kind: Input should be"),
        (lambda c: c["architecture"]["rule"].update(k="2"), "rule.k: Input should be a valid"),
        (lambda c: c["architecture"].update(depth=2), "architecture.depth: Unexpected keyword"),
        (lambda c: c["architecture"]["rule"].update(k=9), "rule.k: more than experts"),
        (
            lambda c: c["architecture"]["backbone"]["gate"].append({"linear": 7}),
            "an attentive gate compares the two",
        ),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(
    package: Path, change: Callable[[Config], object], complaint: str
) -> None:
    edit(package, change)
    message = refusal(package)
    assert message.startswith(str(package))
    assert complaint in message


def test_terms_of_packages_that_are_gone_are_no_reason_to_refuse(package: Path) -> None:
    expected = read_config(package)
    edit(package, lambda c: c["configuration"]["regularizer"].update(a_term=0.25))
    assert read_config(package) == expected
    edit(package, lambda c: c["configuration"]["regularizer"].update(a_term="much"))
    assert "configuration.regularizer.a_term: Extra inputs" in refusal(package)


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}', b'{"format": 1e999}']
)
def test_what_is_no_configuration_at_all_is_refused(package: Path, text: bytes) -> None:
    (package / "config.json").write_bytes(text)
    assert "config.json" in refusal(package)


def test_a_mean_that_is_not_finite_is_refused(package: Path) -> None:
    text = (package / "config.json").read_text()
    (package / "config.json").write_text(text.replace("0.4", "1e999"))
    assert "card.mean[0]: Input should be a finite number" in refusal(package)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_refused(package: Path, name: str) -> None:
    (package / name).unlink()
    assert f"{name}: cannot be read" in refusal(package)


def test_a_large_configuration_is_not_even_read(package: Path) -> None:
    with (package / "config.json").open("ab") as file:
        file.truncate(11_000_000)
    assert "is larger than 10 MB" in refusal(package)


def test_a_model_larger_than_memory_is_refused_before_it_is_built(package: Path) -> None:
    layers = [{"linear": 1_048_576}, {"linear": 1_048_576}]
    edit(package, lambda c: c["architecture"]["backbone"].update(expert=layers, gate=layers))
    assert "but config.json needs none" in refusal(package)


def test_weights_of_another_type_are_refused(package: Path) -> None:
    path = package / "model.safetensors"
    save_file({name: weight.double() for name, weight in load_file(path).items()}, path)
    assert "is F64 [" in refusal(package)


def test_weights_of_another_model_of_the_same_shapes_are_refused(
    package: Path, tmp_path: Path
) -> None:
    save_package(tmp_path / "other", train_model(seed=1, epochs=1, gate="attentive"), CARD)
    shutil.copy(tmp_path / "other" / "model.safetensors", package)
    assert "is not as it was saved; fetch the model again" in refusal(package)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_is_noticed_or_harmless(package: Path, name: str, data: st.DataObject) -> None:
    path = package / name
    whole = path.read_bytes()
    expected = load_package(package)(samples(4))
    path.write_bytes(data.draw(damaged(whole)))
    found = unless_refused(package, lambda: load_package(package))
    path.write_bytes(whole)
    assert found is None or torch.equal(found(samples(4)), expected)


def test_predictions_are_the_models_in_batches_of_any_size(package: Path) -> None:
    predictor, model = _load_pyfunc(str(package)), load_package(package)
    for count in (0, 1, 300):
        x = samples(count)
        predicted = predictor.predict(x.numpy())
        assert [*predicted.columns] == list(CLASSES)
        predicted = predicted.to_numpy()
        assert predicted.dtype == np.float32
        assert predicted.shape == (count, len(CLASSES))
        if count:
            np.testing.assert_allclose(predicted, model(x).detach().numpy(), atol=1e-6)


def test_bytes_are_pixels_from_0_to_255_and_rows_are_flat_samples(package: Path) -> None:
    predictor = _load_pyfunc(str(package))
    x = (255 * samples(6)).to(torch.uint8).numpy()
    expected = predictor.predict((x / 255).astype(np.float32))
    np.testing.assert_allclose(predictor.predict(x), expected, atol=1e-6)
    np.testing.assert_allclose(predictor.predict(x.reshape(6, 64)), expected, atol=1e-6)


def test_samples_of_another_shape_are_refused(package: Path) -> None:
    with pytest.raises(ValueError, match=r"an array \[2, 7, 8\], but the model takes"):
        _load_pyfunc(str(package)).predict(np.zeros((2, 7, 8), np.float32))


def test_a_local_package_needs_neither_mlflow_nor_optuna(package: Path) -> None:
    code = (
        "import sys; from moe_search.tracking.fetch import load_model; load_model(sys.argv[1]);"
        "assert not {'mlflow', 'optuna'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, package], check=True)
