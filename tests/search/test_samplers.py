"""Samplers that go on, and when pruners are asked."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from support.study_runs import study_in

from moe_search.search.pruners import longest, make_pruner
from moe_search.search.samplers import make_sampler
from moe_search.search.study_store import open_study
from moe_search.search.suggest import suggest
from moe_search.spec import Study
from moe_search.spec.kinds.samplers import SAMPLERS
from moe_search.stores.optuna import open_storage

CONTINUOUS = {
    "model": {"temperature": {"low": 0.3, "high": 3.0, "log": True}},
    "training": {"lr": {"low": 1e-4, "high": 1e-2}},
}
DRAWING = SAMPLERS.names(lambda kind: not kind.tries_all and not kind.same_as)


def ask(study: Study, count: int) -> list[tuple[Any, ...]]:
    """What a run of so many trials tries."""
    optuna_study = open_study(study, open_storage(study.optuna_url))
    optuna_study.sampler = make_sampler(study, len(optuna_study.trials))
    found = []
    for _ in range(count):
        trial = optuna_study.ask()
        values = suggest(trial, study)
        found.append(tuple(values.values()))
        optuna_study.tell(trial, float(trial.number % 4))
    return found


@pytest.mark.parametrize("name", DRAWING)
def test_a_run_that_goes_on_tries_nothing_again(study_folder: Path, name: str) -> None:
    study = study_in(study_folder, **CONTINUOUS, search={"sampler": name})
    found = ask(study, 6) + ask(study, 6)
    for values in zip(*found, strict=True):
        assert len(set(values)) == 12


@pytest.mark.parametrize("name", DRAWING)
def test_the_seed_decides_what_is_tried(study_folder: Path, name: str) -> None:
    def first(study_name: str, seed: int) -> list[tuple[Any, ...]]:
        search = {"sampler": name, "seed": seed}
        return ask(study_in(study_folder, name=study_name, **CONTINUOUS, search=search), 3)

    found = first("one", 7)
    assert first("same", 7) == found
    assert first("other", 8) != found


def stops(study: Study, always: bool) -> dict[int, int]:
    """Epochs at which trials that train in step, four at a time, are stopped."""
    optuna_study = optuna.create_study(
        study_name="curves", direction="maximize", pruner=make_pruner(study).build()
    )
    drawn = np.random.default_rng(3)
    found: dict[int, int] = {}
    for _ in range(12):
        trials = [optuna_study.ask() for _ in range(4)]
        ends = drawn.uniform(0.5, 1.0, 4)
        for epoch in range(1, longest(study) + 1):
            noise = drawn.normal(0, 0.05, 4)
            for trial, end, error in zip(trials, ends, noise, strict=True):
                if trial.number in found:
                    continue
                trial.report(float(end * (1 - 0.8**epoch) + error), epoch)
                if (always or make_pruner(study).decides_at(epoch)) and trial.should_prune():
                    found[trial.number] = epoch
                    optuna_study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        for trial, end in zip(trials, ends, strict=True):
            if trial.number not in found:
                optuna_study.tell(trial, float(end))
    return found


@pytest.mark.parametrize("epochs", [4, 20, 27, 40])
@pytest.mark.parametrize("name", ["hyperband", "successive_halving", "median"])
def test_asking_only_where_the_pruner_decides_changes_nothing(name: str, epochs: int) -> None:
    study = Study.model_validate(
        {"name": "x", "data": "digits", "training": {"epochs": epochs}, "search": {"pruner": name}}
    )
    found = stops(study, always=True)
    assert found
    assert stops(study, always=False) == found
    assert min(found.values()) >= max(1, epochs // 6)
    if name != "median":
        asked = sum(make_pruner(study).decides_at(epoch) for epoch in range(1, epochs + 1))
        assert asked <= 3  # each time reads the store


@pytest.mark.parametrize(
    ("names", "same"),
    [
        ({"pruner": "asha"}, {"pruner": "successive_halving"}),
        ({"sampler": "bohb"}, {"sampler": "tpe", "pruner": "hyperband"}),
    ],
)
def test_other_names_make_the_same(names: dict[str, str], same: dict[str, str]) -> None:
    def made(search: dict[str, str]) -> tuple[type, type]:
        study = Study.model_validate({"name": "x", "data": "digits", "search": search})
        return type(make_sampler(study, 0)), type(make_pruner(study).build())

    assert made(names) == made(same)


def test_without_a_pruner_nothing_is_stopped() -> None:
    study = Study.model_validate({"name": "x", "data": "digits", "search": {"pruner": "none"}})
    assert stops(study, always=True) == {}
    assert not any(make_pruner(study).decides_at(epoch) for epoch in range(1, 21))


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(7, 7), ({"low": 3, "high": 30}, 30), ({"choices": [5, 40, 10]}, 40)],
)
def test_rungs_follow_the_longest_trial(epochs: object, expected: int) -> None:
    study = Study.model_validate({"name": "x", "data": "digits", "training": {"epochs": epochs}})
    assert longest(study) == expected


@pytest.mark.parametrize(
    ("gate", "distill", "expected"),
    [
        ("attentive", True, 40),
        ("original", True, 20),
        ({"choices": ["original", "attentive"]}, {"choices": [False, True]}, 40),
        ("original", {"choices": [False, True]}, 20),
    ],
)
def test_a_distillation_makes_trials_longer_where_it_has_a_meaning(
    gate: object, distill: object, expected: int
) -> None:
    given = {"model": {"gate": gate}, "training": {"distill": distill}}
    study = Study.model_validate({"name": "x", "data": "digits", **given})
    assert longest(study) == expected
