"""Torch modules that another package brings: run as layers, and the contract they keep to."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support import network_package
from support.trained_models import CARD, IMAGE, train_model

import moe_search
from moe_search.errors import MemberError, UserError
from moe_search.moe.layers.network import StackedModules
from moe_search.package.config import save_package
from moe_search.package.open import load_package
from moe_search.spec.kinds.layers import Network
from moe_search.testing import NetworkContract


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        network_package.install(tmp_path / "site-packages")
        patch.syspath_prepend(tmp_path / "site-packages")
        yield


class TestPlain(NetworkContract):
    name = "plain"
    shape = (1, 4, 4)


class TestFeatures(NetworkContract):
    name = "plain"
    shape = (7,)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wide", "gives (2, 4) of two samples, expected (2, 3)"),
        ("random", "draws at random in training, so that it would depend on its company"),
        ("nothing", "Flatten is no module with weights"),
        ("absent", None),
    ],
)
def test_a_module_that_does_not_fit_is_named(name: str, reason: str | None) -> None:
    layer = Network(network=name, outputs=3)
    said = f"network {name}: {reason}" if reason else "modules.networks:absent cannot be loaded"
    with pytest.raises(MemberError, match=re.escape(said)):
        StackedModules.of(layer, (7,), 2, fused=False).initialise(0, torch.Generator())


def study(name: str) -> dict[str, Any]:
    layers = [{"network": name, "outputs": 8}, "relu", {"linear": 6}]
    return {
        "name": "networks",
        "data": {"name": "wine"},
        "model": {"experts": 2, "backbone": {"expert": layers, "gate": layers}},
        "training": {"epochs": 2, "batch_size": 32},
        "search": {"trials": 1, "workers": 1, "device": "cpu"},
        "finalists": {"top": 1, "seeds": 1},
    }


def test_a_network_that_is_not_installed_is_told(tmp_path: Path) -> None:
    expected = "model.backbone.expert[0].network: plane is not installed; no package declares it"
    with pytest.raises(UserError, match=re.escape(expected)):
        moe_search.run(study("plane"))


def test_a_packed_model_needs_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [{"network": "plain", "outputs": 8}, "relu", {"linear": 6}]
    result = train_model(1, gate="attentive", backbone={"expert": layers, "gate": layers})
    save_package(tmp_path / "package", result, CARD)
    probabilities = load_package(tmp_path / "package")(torch.rand(3, *IMAGE))
    assert torch.allclose(probabilities.sum(1), torch.ones(3))
    assert {"gate.body.stages.0.2__num_batches_tracked"} <= result.state.keys()
    monkeypatch.delitem(sys.modules, "modules.rows")
    monkeypatch.setattr(sys, "path", sys.path[1:])
    importlib.invalidate_caches()
    with pytest.raises(UserError, match="plain is not installed; no package declares it"):
        load_package(tmp_path / "package")
