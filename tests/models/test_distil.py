"""A finished model is distilled as a training with that stage would have done it."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from support.study_runs import trials

from moe_search.cli import main
from moe_search.errors import UserError
from moe_search.models.distil import Distilled, distil
from moe_search.search.mending import mend
from moe_search.search.run import run_study
from moe_search.search.study_store import find_study
from moe_search.spec import Study
from moe_search.tracking.fetch import find_model, load_model

EPOCHS = 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """An attentive model, the same with a distillation, and one with nothing to distil."""
    given = {
        "name": "gates",
        "data": {"name": "digits", "limit": 300},
        "training": {"epochs": EPOCHS, "batch_size": 50, "lr": 0.01},
        "configurations": {
            "attentive": {"model": {"gate": "attentive"}},
            "distilled": {"model": {"gate": "attentive"}, "training": {"distill": True}},
            "original": {"model": {"gate": "original"}},
            "hardened": {
                "model": {"gate": "attentive", "temperature_schedule": "quarters"},
                "training": {"epochs": 4, "early_stop": 1},
            },
        },
        "search": {"workers": 1},
    }
    found = Study.model_validate(given, context={"folder": tmp_path_factory.mktemp("gates")})
    run_study(found, lambda event: None)
    return found


@pytest.fixture(scope="module")
def models(study: Study) -> dict[str, str]:
    """Model by row."""
    return {trial.params["configuration"]: trial.user_attrs["model"] for trial in trials(study)}


@pytest.fixture(scope="module")
def distilled(study: Study, models: dict[str, str]) -> Distilled:
    return distil(models["attentive"], study.mlflow_url, None, lambda report: None)


def test_it_is_the_model_that_the_stage_makes(
    study: Study, models: dict[str, str], distilled: Distilled
) -> None:
    found = load_model(distilled.uri, study.mlflow_url)
    expected = load_model(models["distilled"], study.mlflow_url)
    assert found.mixtures.architecture == expected.mixtures.architecture
    for name, tensor in expected.mixtures.state_dict().items():
        assert torch.equal(found.mixtures.state_dict()[name], tensor), name
    rows = {trial.params["configuration"]: trial.user_attrs for trial in trials(study)}
    for row, metrics in (("attentive", distilled.before), ("distilled", distilled.after)):
        for name, value in metrics.items():
            assert value == pytest.approx(rows[row][f"test/{name}"], rel=1e-6), (row, name)


def test_it_answers_at_the_temperature_it_was_trained_at(
    study: Study, models: dict[str, str]
) -> None:
    """That of the stage's epochs, of which early_stop may keep the first; it was warmer before."""
    found = distil(models["hardened"], study.mlflow_url, None, lambda report: None)
    assert found.after["sample_entropy"] < 0.05


def test_it_predicts_with_one_expert(study: Study, distilled: Distilled) -> None:
    images = torch.rand(5, 1, 8, 8)
    model = load_model(distilled.uri, study.mlflow_url)
    assert torch.allclose(model.top1(images).sum(1), torch.ones(5))


def test_its_run_stands_beside_the_first_and_is_nobodys_leftover(
    study: Study, models: dict[str, str], distilled: Distilled
) -> None:
    client, model = find_model(distilled.uri, study.mlflow_url)
    _, teacher = find_model(models["attentive"], study.mlflow_url)
    mend(find_study(study), client, study.addresses, retries=1)
    run = client.get_run(str(model.source_run_id))
    beside = client.get_run(str(teacher.source_run_id))
    assert run.info.status == "FINISHED"
    assert run.info.experiment_id == beside.info.experiment_id
    assert run.data.tags["mlflow.parentRunId"] == beside.data.tags["mlflow.parentRunId"]
    assert run.data.tags["moe_search.distilled_from"] == models["attentive"]
    assert run.data.params["training.distill"] == "true"
    assert run.data.metrics["test/error"] == distilled.after["error"]
    assert [m.step for m in client.get_metric_history(run.info.run_id, "validation/error")] == [
        EPOCHS + 1,
        EPOCHS + 2,
    ]
    assert not client.search_registered_models()


def test_the_command_takes_other_epochs_and_prints_both_models(
    study: Study, models: dict[str, str]
) -> None:
    arguments = ["distill", models["attentive"], "--store", study.mlflow_url, "--epochs", "1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("epoch ") == 1
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["model", "from", "test, from", "test, model"]
    assert lines[1].endswith(models["attentive"])
    quiet = CliRunner().invoke(main, [*arguments, "--json", "--quiet"])
    assert quiet.stderr == ""
    as_json = json.loads(quiet.stdout)
    assert as_json["teacher"] == models["attentive"]
    assert f"accuracy {as_json['after']['accuracy']:.4f}" in lines[3]
    uri = lines[0].split()[-1]
    assert load_model(uri, study.mlflow_url).mixtures.architecture.gate == "original"


@pytest.mark.parametrize("row", ["original", "distilled"])
def test_what_has_no_attentive_gate_cannot_be_distilled(
    study: Study, models: dict[str, str], row: str
) -> None:
    with pytest.raises(UserError, match=f"^{models[row]}: has the gate original; only the model"):
        distil(models[row], study.mlflow_url, None, lambda report: None)


def test_a_folder_has_no_study(tmp_path: Path, study: Study) -> None:
    with pytest.raises(UserError, match="there is no such model; expected models:/"):
        distil(str(tmp_path), study.mlflow_url, None, lambda report: None)
