"""Studies that begin with what earlier ones found."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from support.fake_workers import decomposition
from support.study_runs import run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.progress import Note
from moe_search.search.samplers import make_sampler
from moe_search.search.suggest import suggest
from moe_search.search.surrogate.earlier import NOTHING, Earlier, Result, earlier
from moe_search.spec import Study, check_study

FILE, PATH = "earlier.yaml", "model.temperature"


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    """Best at two degrees."""
    return decomposition(2, 0.9 - 0.1 * abs(spec.configuration.model.temperature - 2))


def first(folder: Path, count: int = 6) -> Study:
    given: dict[str, Any] = {
        "name": "first",
        "data": "digits",
        "model": {"temperature": {"low": 0.3, "high": 3.0}},
        "search": {"trials": count, "race": "off", "workers": 2, "population": 2},
        "finalists": {"top": 0},
    }
    (folder / FILE).write_text(yaml.safe_dump(given))
    study = Study.model_validate(given, context={"folder": folder})
    run(study, train)
    return study


def second(folder: Path, start: str = FILE, **model: Any) -> Study:
    given = {"temperature": {"low": 0.3, "high": 2.3}} | model
    return study_in(
        folder, name="second", model=given, search={"from": [start], "race": "off", "workers": 1}
    )


def test_the_best_that_fit_are_tried_first_and_none_of_them_counts(study_folder: Path) -> None:
    before = first(study_folder)
    degrees = [float(trial.params["model.temperature"]) for trial in trials(before)]
    fitting = sorted((t for t in degrees if t <= 2.3), key=lambda t: abs(t - 2))
    assert len(fitting) < len(degrees)
    told = run(second(study_folder), train).told
    found = [trial.params["model.temperature"] for trial in trials(second(study_folder))]
    assert found[:3] == fitting[:3]
    assert len(found) == 4
    notes = [str(event) for event in told if isinstance(event, Note)]
    words = f"{FILE}: {len(fitting)} of 6 results fit this study; the best 3 are tried first"
    assert any(words in note for note in notes)
    assert len(trials(before)) == 6
    run(second(study_folder), train)
    assert len(trials(second(study_folder))) == 4


def test_what_misses_this_studys_constraints_comes_behind_what_keeps_them(
    study_folder: Path,
) -> None:
    """The best is left out: its accuracy is above what is allowed."""
    before = first(study_folder)
    bound = {"constraints": {"accuracy": {"at_most": 0.8}}}
    given = study_in(
        study_folder,
        name="second",
        model={"temperature": {"low": 0.3, "high": 3.0}},
        objective={"maximize": {"accuracy": 1.0}, **bound},
        search={"from": [FILE], "race": "off", "workers": 1},
    )
    degrees = [float(trial.params[PATH]) for trial in trials(before)]
    kept = sorted((t for t in degrees if abs(t - 2) >= 1), key=lambda t: abs(t - 2))
    missed = sorted((t for t in degrees if abs(t - 2) < 1), key=lambda t: abs(t - 2))
    assert kept
    assert missed
    found = earlier(given, lambda event: None)
    assert [point[PATH] for point in found.points] == [*kept, *missed][:3]


def test_a_study_in_a_store_will_do(study_folder: Path) -> None:
    """A relative file lies beside the study, as in ``storage``."""
    before = first(study_folder, 3)
    for url in (before.optuna_url, "sqlite:///optuna.db"):
        found = earlier(second(study_folder, f"{url}#first"), lambda event: None)
        assert len(found.points) == len(found.results[0]) > 0


def test_what_fits_nowhere_is_said(study_folder: Path) -> None:
    first(study_folder, 3)
    said: list[object] = []
    found = earlier(second(study_folder, experts={"low": 10, "high": 12}), said.append)
    assert found.points == ()
    assert found.results == ((),)
    assert f"{FILE}: none of 3 results fits this study's space" in str(said)


def test_results_of_an_earlier_study_inform_the_sampler(study_folder: Path) -> None:
    """From another level: what counts is how they stand among each other."""
    study = study_in(study_folder, model={"temperature": {"low": 0.3, "high": 3.0}})
    degrees = np.linspace(0.3, 3.0, 20)
    results: list[Result] = [({PATH: float(t)}, 50 - abs(float(t) - 1.1)) for t in degrees]
    asked = []
    for found in (Earlier(results=(tuple(results),)), NOTHING):
        optuna_study = optuna.create_study(
            study_name="a", direction="maximize", sampler=make_sampler(study, 0, found)
        )
        asked.append([suggest(optuna_study.ask(), study)[PATH] for _ in range(4)])
    informed, plain = (np.abs(np.array(each, float) - 1.1) for each in asked)
    assert informed.max() < 0.5
    assert plain.max() > 0.8


def test_mistakes(study_folder: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml"):
        earlier(second(study_folder, "absent.yaml"), lambda event: None)
    before = first(study_folder, 1)
    with pytest.raises(UserError, match=r"study 'absent' has not been run yet: it is not in"):
        earlier(second(study_folder, f"{before.optuna_url}#absent"), lambda event: None)
    with pytest.raises(UserError, match=r"there is no .*absent\.db"):
        earlier(second(study_folder, "sqlite:///absent.db#first"), lambda event: None)
    assert not list(study_folder.rglob("absent.db"))
    given = {"name": "a", "data": "digits", "search": {"from": ["sqlite:///a.db"]}}
    with pytest.raises(UserError, match=r"search\.from\[0\]: expected a study\.yaml, or URL#NAME"):
        check_study(given)
