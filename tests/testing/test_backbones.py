"""Backbones that another package brings: found, checked, run, and the contract they keep to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support import plugin_package as plugin

import moe_search
from moe_search.errors import UserError
from moe_search.spec import Model, Study, resolve_backbone
from moe_search.testing import BackboneContract


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        plugin.install(tmp_path / "site-packages")
        patch.syspath_prepend(tmp_path / "site-packages")
        yield patch


class TestPyramid(BackboneContract):
    name = "pyramid"
    shapes = ((1, 8, 8), (12,))


def test_the_contract_finds_what_is_wrong() -> None:
    class Broken(BackboneContract):
        name = "broken"
        shapes = ((12,),)

    class Missing(BackboneContract):
        name = "pyramids"

    class Taken(BackboneContract):
        name = "mlp"

    with pytest.raises(UserError, match=r"backbone broken: pyramids:broken returns no backbone"):
        Broken().test_its_networks_are_the_same_each_time()
    for contract in (Missing(), Taken()):
        with pytest.raises(AssertionError):
            contract.test_it_is_installed_under_a_name_of_its_own()


def test_it_is_given_the_shape_and_the_classes() -> None:
    backbone = resolve_backbone(Model(backbone="pyramid"), None, (6,), 7)
    assert [layer.model_dump() for layer in backbone.expert if layer != "relu"] == [  # type: ignore[union-attr]
        {"linear": 56},
        {"linear": 14},
    ]


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"backbone": "pyramyd"}},
        {"model": {"backbone": {"choices": ["mlp", "pyramyd"]}}},
        {"configurations": {"a": {"model": {"backbone": "pyramyd"}}}},
    ],
)
def test_a_name_that_is_not_installed_is_refused(sections: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"'pyramyd' is unknown; did you mean 'pyramid'\?"):
        Study.model_validate({"name": "x", "data": "digits", **sections})


def test_a_study_of_it_runs_and_its_model_needs_it_no_more(
    study_folder: Path, installed: pytest.MonkeyPatch
) -> None:
    installed.chdir(study_folder)
    outcome = moe_search.run(
        {
            "name": "own",
            "data": "digits",
            "model": {"backbone": {"choices": ["pyramid", "digits"]}},
            "training": {"epochs": 1},
            "search": {"trials": 2, "sampler": "grid", "workers": 1},
            "finalists": {"top": 1, "seeds": 1},
        }
    )
    assert {best.parameters["model.backbone"] for best in outcome.best} == {"pyramid", "digits"}
    installed.undo()
    models = [moe_search.load_model(b.model, store=outcome.stores.mlflow) for b in outcome.best]
    assert all(model(torch.rand(2, 1, 8, 8)).shape == (2, 10) for model in models)
