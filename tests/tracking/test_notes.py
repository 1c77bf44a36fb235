import json
from collections.abc import Mapping
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note
from support.trained_models import train_model

from moe_search.engine.trial import TrialResult
from moe_search.spec import METRICS, Configuration, Study
from moe_search.tracking.decomposition.figures import FIGURES
from moe_search.tracking.notes import attach, open_artifacts, study_note, trial_note

MADE = {"torch": "2.1", "commit": "0a1b"}
PICTURES = [figure.file for figure in FIGURES if figure.on_page]
FILES = {name: b"\x89PNG " + name.encode() for name in PICTURES} | {"summary.json": b"{}"}


@pytest.fixture
def trial(study: Study) -> optuna.Trial:
    return optuna.create_study(storage=study.optuna_url).ask()


def note_of(result: TrialResult) -> str:
    metrics = result.validation.metrics()
    return trial_note(17, result.configuration, metrics, "http://m/#/runs/abc", "models:/m-1")


def table(note: str) -> Mapping[str, str]:
    """Second cell of each row of a note's tables, by the first."""
    rows = [line.strip("| ").split(" | ") for line in note.splitlines() if line.startswith("|")]
    return {row[0]: row[1] for row in rows}


def test_a_note_says_what_a_trial_is_and_how_to_have_its_model(result: TrialResult) -> None:
    note = note_of(result)
    cells = table(note)
    assert METRICS.keys() <= cells.keys()
    assert float(cells["usage_entropy"]) == pytest.approx(
        result.validation.metrics()["usage_entropy"], abs=1e-4
    )
    assert "entropy of the mean expert usage, bits" in note
    assert cells["model.experts"] == "`4`"
    assert "regularizer.weight" not in cells
    assert "[MLflow run](http://m/#/runs/abc), model `models:/m-1`" in note
    assert "moe-search pull STUDY.yaml --trial 17 --to trial-017" in note


def test_a_note_of_a_trial_without_a_model_says_why() -> None:
    note = trial_note(3, Configuration(), {}, "abc", reason="collapsed: H_u below 0.1")
    assert note.startswith("collapsed: H_u below 0.1")
    assert "pull" not in note


def test_a_note_and_the_pictures_are_on_the_trials_page(
    trial: optuna.Trial, study: Study, result: TrialResult
) -> None:
    store = open_artifacts(study.artifacts_folder)
    attach(trial, FILES, note_of(result), store)
    trial.study.tell(trial, 0.5)
    assert get_note(trial) == note_of(result)
    found = get_all_artifact_meta(trial)
    assert {(meta.filename, meta.mimetype) for meta in found} == {
        (name, "image/png") for name in PICTURES
    }
    for meta in found:
        with store.open_reader(meta.artifact_id) as file:
            assert file.read() == FILES[meta.filename]
    assert len(list((study.artifacts_folder / "optuna").iterdir())) == len(PICTURES)


def test_notes_of_many_trials_and_of_any_length_do_not_mix(study: Study) -> None:
    search, store = (
        optuna.create_study(storage=study.optuna_url),
        open_artifacts(study.artifacts_folder),
    )
    trials = [search.ask() for _ in range(3)]
    notes = ["short", "č" * 5000, ""]
    for trial, note in zip(trials, notes, strict=True):
        attach(trial, {}, note, store)
    assert [get_note(trial) for trial in trials] == notes


def test_layer_lists_stay_inside_their_cell() -> None:
    backbone = {"expert": [{"linear": 8}], "gate": [{"linear": 8}]}
    configuration = train_model(epochs=1, shape=(5,), backbone=backbone).configuration
    cell = table(trial_note(0, configuration, {}, "abc"))["model.backbone"]
    assert json.loads(cell.strip("`")) == backbone


def test_a_studys_note_says_what_is_searched_and_where_the_models_are(tmp_path: Path) -> None:
    given = {
        "name": "tiny",
        "description": "a note",
        "data": "digits",
        "model": {
            "experts": {"low": 2, "high": 16},
            "gate": {"choices": ["original", "attentive"]},
        },
        "objective": {
            "maximize": {"accuracy": 1.0, "sample_entropy": -0.1},
            "constraints": {"max_expert_share": {"at_most": 0.6}},
        },
        "storage": {"mlflow": "postgresql://me:secret@host/runs"},
    }
    note = study_note(Study.model_validate(given, context={"folder": tmp_path}), MADE)
    assert note.startswith("a note")
    assert "maximize +1 accuracy, -0.1 sample_entropy" in note
    assert "max_expert_share at most 0.6" in note
    assert table(note)["model.experts"] == "`2..16`"
    assert table(note)["model.gate"] == "`original ∣ attentive`"
    assert "MLflow experiment `tiny`" in note
    assert "secret" not in note
    assert "with torch 2.1, commit 0a1b" in note


def test_a_pareto_studys_note_names_both_directions(tmp_path: Path) -> None:
    given = {
        "name": "tiny",
        "data": "digits",
        "objective": {"pareto": ["accuracy", "sample_entropy"]},
    }
    note = study_note(Study.model_validate(given, context={"folder": tmp_path}), MADE)
    assert "Pareto front: maximize accuracy, minimize sample_entropy" in note
