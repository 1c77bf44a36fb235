"""The seeds of trials: of repeats, of trials that run again, and several of each."""

from collections import deque
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from optuna.trial import FrozenTrial, TrialState
from support.fake_workers import decomposition
from support.study_runs import (
    TWO,
    by_temperature,
    check_ledger,
    run,
    runs,
    states,
    study_in,
    trials,
)

from moe_search.engine.trial import EpochReport, TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.search.study_store import open_study
from moe_search.search.trial import Running
from moe_search.spec import Configuration
from moe_search.stores.optuna import open_storage


def tried(found: list[FrozenTrial]) -> list[tuple[Any, int]]:
    return sorted((trial.params["model.temperature"], trial.user_attrs["seed"]) for trial in found)


def test_a_repeated_configuration_gets_a_new_seed(study_folder: Path) -> None:
    search = {"trials": 4, "sampler": "random", "seed": 3}
    points = [{"model.temperature": choice} for choice in (0.5, 1.0, 2.0)]
    run(study_in(study_folder, model=TWO, search=search | {"points": points}), by_temperature)
    study = study_in(study_folder, model=TWO, search=search | {"trials": 7})
    done = run(study, by_temperature)
    found = trials(study)
    assert len(set(tried(found))) == 7
    for choice in (0.5, 1.0, 2.0):
        seeds = [seed for temperature, seed in tried(found) if temperature == choice]
        assert seeds == list(range(3, 3 + len(seeds)))
    given = {spec.key: spec.seed for job in done.workers.jobs for spec in job.trials}
    assert given == {trial.number: trial.user_attrs["seed"] for trial in found[4:]}


def test_a_trial_that_runs_again_does_not_take_the_seed_of_its_repeat(study_folder: Path) -> None:
    model = {"experts": 2, "temperature": {"choices": [1.0]}}
    study = study_in(study_folder, model=model, search={"trials": 2, "population": 1})
    optuna_study = open_study(study, open_storage(study.optuna_url))
    name = study.configuration({"model.temperature": 1.0}).model_dump_json()
    for seed in (0, 1):
        trial = optuna_study.ask()
        trial.suggest_categorical("model.temperature", [1.0])
        trial.set_user_attr("configuration", name)
        trial.set_user_attr("seed", seed)
    optuna_study.tell(1, 0.5)  # and the first was left running
    run(study, by_temperature)
    assert [t.user_attrs["seed"] for t in trials(study, TrialState.COMPLETE)] == [1, 0]


def test_only_the_first_seed_decides_on_pruning_even_if_it_stopped_early() -> None:
    def report(epoch: int) -> EpochReport:
        return EpochReport(0, epoch, {"accuracy": 0.9}, 1.0, np.ones(1))

    running = Running(cast(Any, None), Configuration(), deque([0, 1]))
    assert [running.follow(report(epoch)) for epoch in (1, 2, 1)] == [True, True, False]
    running.results.append(cast(Any, "of the first seed"))
    assert not any(running.follow(report(epoch)) for epoch in range(1, 6))
    assert [report.epoch for report in running.history] == [1, 2]


def test_several_seeds_count_by_their_mean(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        return decomposition(2, 0.6 + 0.1 * (spec.seed % 3))

    study = study_in(study_folder, model=TWO, search={"trials": 3, "seeds": 3})
    done = run(study, train)
    expected = decomposition(2, 0.7).metrics()
    for trial, run_ in zip(trials(study), runs(study, "trial"), strict=True):
        assert trial.user_attrs["accuracy"] == pytest.approx(expected["accuracy"])
        assert run_.data.metrics["validation/accuracy"] == pytest.approx(expected["accuracy"])
    specs = [spec for job in done.workers.jobs for spec in job.trials]
    by_trial = {key: [s.seed for s in specs if s.key == key] for key in range(3)}
    assert by_trial[0] == [0, 1, 2]
    assert all(seeds[0] % 3 == 0 and len(seeds) == 3 for seeds in by_trial.values())
    check_ledger(study)


def test_only_the_first_seed_decides_on_pruning(study_folder: Path) -> None:
    """The second seed of all is poor and collapses; the first one's fate is its own."""

    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.seed % 2 == 0:
            return by_temperature(spec, epoch)
        return decomposition(2, 0.1, usage=(1.0, 0.0))

    search = {"trials": 6, "seeds": 2, "pruner": "hyperband", "collapse": True, "population": 4}
    study = study_in(study_folder, model=TWO, training={"epochs": 6}, search=search)
    run(study, train)
    for trial in trials(study):
        if trial.state == TrialState.PRUNED:
            assert trial.user_attrs["reason"].startswith("hyperband at epoch")
            assert max(trial.intermediate_values) < 6
        else:
            assert sorted(trial.intermediate_values) == [1, 2, 3, 4, 5, 6]
            assert min(trial.intermediate_values.values()) > 0.5
    assert set(states(study)) == {"COMPLETE", "PRUNED"}
    check_ledger(study)
