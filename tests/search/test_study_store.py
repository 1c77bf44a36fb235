"""The study in its store: going on and refusals."""

import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from support.study_runs import study_in, trials

from moe_search.errors import UserError
from moe_search.search.ledger import StudyRecord
from moe_search.search.study_store import find_study, open_study
from moe_search.stores.optuna import open_storage


def line(error: pytest.ExceptionInfo[UserError]) -> str:
    (said,) = str(error.value).splitlines()
    return said


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a domain": (
        {"model": {"temperature": {"low": 0.3, "high": 5.0, "log": True}}},
        "model.temperature: was 0.3..3.0 log, is now 0.3..5.0 log",
    ),
    "a fixed value": ({"training": {"epochs": 9}}, "training.epochs: was 4, is now 9"),
    "the objective": (
        {"objective": {"pareto": ["accuracy", "loss"]}},
        "objective.pareto: was not set, is now",
    ),
    "the data": ({"data": {"name": "digits", "seed": 1}}, "data.seed: was 0, is now 1"),
    "the seed": ({"search": {"seed": 1}}, "search.seed: was 0, is now 1"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_space_is_refused_with_the_difference(study_folder: Path, what: str) -> None:
    begun = study_in(study_folder)
    open_study(begun, open_storage(begun.optuna_url))
    change, difference = CHANGES[what]
    changed = study_in(study_folder, **change)
    with pytest.raises(UserError) as error:
        open_study(changed, open_storage(changed.optuna_url))
    assert difference in line(error)
    assert "--set name=tiny-2" in line(error)
    assert StudyRecord.of(find_study(begun)).space == begun.space()


def test_what_is_not_the_space_may_change(study_folder: Path) -> None:
    begun = study_in(study_folder)
    open_study(begun, open_storage(begun.optuna_url))
    search = {"trials": 99, "sampler": "random", "pruner": "median", "workers": 7, "patience": 3}
    changed = study_in(study_folder, search=search, finalists={"top": 9})
    assert open_study(changed, open_storage(changed.optuna_url)).study_name == "tiny"


def test_other_studies_lie_beside_it(study_folder: Path) -> None:
    one, other = (study_in(study_folder, name=name) for name in ("one", "other"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ExperimentalWarning)
        optuna_study = [open_study(study, open_storage(study.optuna_url)) for study in (one, other)]
    optuna_study[0].ask()
    assert len(trials(one)) == 1
    assert len(trials(other)) == 0


def test_a_store_that_is_none(study_folder: Path) -> None:
    (study_folder / "notes.txt").write_text("no database, but some text of which it is not one")
    study = study_in(study_folder, storage={"optuna": "sqlite:///notes.txt"})
    with pytest.raises(UserError) as error:
        open_storage(study.optuna_url)
    assert line(error).startswith("storage.optuna: cannot open sqlite:///")
    assert "file is not a database" in line(error)


def test_the_password_of_a_store_is_not_shown(
    study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://ada:hunter2@localhost:1/studies"
    study = study_in(study_folder, storage={"optuna": url})
    with pytest.raises(UserError) as error:
        open_storage(study.optuna_url)
    assert "postgresql://***@localhost:1/studies" in line(error)
    assert "hunter2" not in line(error)

    memory = optuna.storages.InMemoryStorage()
    monkeypatch.setattr("moe_search.search.study_store.check_store", lambda *_: None)
    monkeypatch.setattr("moe_search.search.study_store.open_storage", lambda study: memory)
    with pytest.raises(UserError) as error:
        find_study(study)
    assert "'tiny' has not been run yet" in line(error)
    assert "hunter2" not in line(error)


def test_a_study_that_was_not_run(study_folder: Path) -> None:
    with pytest.raises(UserError, match="'tiny' has not been run yet: it is not in sqlite:///"):
        find_study(study_in(study_folder))
    missing = study_in(study_folder, storage={"optuna": "sqlite:///none.db"})
    with pytest.raises(UserError, match=r"not been run yet: there is no .*none\.db"):
        find_study(missing)
    assert not (study_folder / "none.db").exists()
