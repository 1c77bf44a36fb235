"""Studies that begin with what earlier ones found."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.fake_workers import decomposition
from support.study_runs import run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.progress import Note
from moe_search.search.samplers.noisy_gp import NoisyGPSampler
from moe_search.search.surrogate.earlier import earlier
from moe_search.spec import Study, check_study

FILE = "earlier.yaml"


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


def test_a_study_in_a_store_will_do(study_folder: Path) -> None:
    before = first(study_folder, 3)
    found = earlier(second(study_folder, f"{before.optuna_url}#first"), lambda event: None)
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
    before = first(study_folder)
    after = second(study_folder)
    found = earlier(after, lambda event: None)
    sampler = NoisyGPSampler(after, 0, found)
    assert len(before.parameters) == 1
    place_ND, value_N = sampler._earlier_ND, sampler._earlier_N
    assert set(place_ND[:, -1]) == {1.0}
    assert value_N.mean() == pytest.approx(0, abs=1e-9)
    assert value_N.std() == pytest.approx(1)


def test_mistakes(study_folder: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml"):
        earlier(second(study_folder, "absent.yaml"), lambda event: None)
    before = first(study_folder, 1)
    with pytest.raises(UserError, match=r"search\.from: no study 'absent'"):
        earlier(second(study_folder, f"{before.optuna_url}#absent"), lambda event: None)
    given = {"name": "a", "data": "digits", "search": {"from": ["sqlite:///a.db"]}}
    with pytest.raises(UserError, match=r"search\.from\[0\]: expected a study\.yaml, or URL#NAME"):
        check_study(given)
