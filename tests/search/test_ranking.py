"""Which trials are the best: under constraints, and of several objectives."""

from pathlib import Path

import optuna
import pytest
from optuna_dashboard import get_note
from support.fake_workers import decomposition
from support.study_runs import TWO, check_ledger, ended, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.search.ledger import TrialRecord
from moe_search.search.objective import normalised
from moe_search.search.ranking import best_trials, standing
from moe_search.search.study_store import find_study, open_study
from moe_search.spec import Study
from moe_search.stores.optuna import open_storage

BOUND = {"at_most": 0.65}


def test_infeasible_trials_are_not_the_best(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        temperature = spec.configuration.model.temperature
        usage = (0.7, 0.3) if temperature == 2.0 else (0.6, 0.4)
        return decomposition(2, 0.5 + 0.1 * temperature, usage)

    objective = {"maximize": {"accuracy": 1.0}, "constraints": {"max_expert_share": BOUND}}
    points = [{"model.temperature": value} for value in (2.0, 0.5, 1.0)]
    search = {"points": points, "trials": 3, "workers": 1, "population": 1}
    study = study_in(study_folder, model=TWO, objective=objective, search=search)
    told = ended(run(study, train).told)
    hot, cold, mild = trials(study)
    assert hot.value is not None
    assert mild.value is not None
    assert hot.value > mild.value
    assert list(hot.constraints.values()) == pytest.approx([0.05])
    assert [event.best for event in told] == [None, cold.value, mild.value]
    ranked = best_trials(study.objective, find_study(study), 3)
    assert [trial.number for trial in ranked] == [mild.number, cold.number, hot.number]
    assert find_study(study).best_trial.number == mild.number
    note = get_note(find_study(study))
    assert f"Best: trial {mild.number}. What this page itself calls the best may miss" in note
    check_ledger(study)


def test_several_objectives_make_a_front(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        temperature = spec.configuration.model.temperature
        share = 0.5 + 0.1 * temperature  # hotter: more accurate, but less even
        return decomposition(2, 0.5 + 0.1 * temperature - 0.1 * spec.seed, (share, 1 - share))

    points = [{"model.temperature": value} for value in (0.5, 1.0, 2.0, 2.0)]
    study = study_in(
        study_folder,
        model=TWO,
        objective={"pareto": ["error", "usage_entropy"]},
        search={"points": points, "trials": 4, "sampler": "random", "patience": 10},
    )
    run(study, train)
    found = trials(study)
    assert len(found) == 4
    for trial in found:
        usage = normalised("usage_entropy", trial.user_attrs["usage_entropy"], 2)
        assert trial.values == [trial.user_attrs["error"], usage]
    optuna_study = find_study(study)
    assert [direction.name for direction in optuna_study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert optuna_study.metric_names == ["error", "usage_entropy"]
    front = {trial.number for trial in optuna_study.best_trials}
    repeats = {trial.number for trial in found if trial.user_attrs["seed"] > 0}
    assert front == {0, 1, 2, 3} - repeats
    ranked = best_trials(study.objective, optuna_study, 9)
    assert [trial.params["model.temperature"] for trial in ranked] == [2.0, 1.0, 0.5]
    even = best_trials(study.objective, optuna_study, 9, "usage_entropy")
    assert [trial.params["model.temperature"] for trial in even] == [0.5, 1.0, 2.0]
    first = best_trials(study.objective, optuna_study, 9, "error")
    assert [trial.number for trial in first] == [trial.number for trial in ranked]
    numbers = ", ".join(str(trial.number) for trial in ranked)
    assert f"Best on the front: trials {numbers}.\n" in get_note(optuna_study)
    check_ledger(study)


def test_a_configuration_that_names_fewer_fields_is_none_of_its_own(study_folder: Path) -> None:
    """A study goes on that was begun before some hyperparameters existed."""
    search = {"trials": 1, "points": [{"model.temperature": 1.0}], "workers": 1}
    model = {"experts": 2, "temperature": {"choices": [1.0]}}
    study = study_in(study_folder, model=model, search=search)
    optuna_study = open_study(study, open_storage(study.optuna_url))
    older = optuna_study.ask()
    older.suggest_categorical("model.temperature", [1.0])
    older.set_user_attr("configuration", '{"model": {"experts": 2}, "training": {"epochs": 4}}')
    older.set_user_attr("seed", 0)
    optuna_study.tell(older, 0.5)
    more = study_in(study_folder, model=model, search=search | {"trials": 2})
    run(more, lambda spec, epoch: decomposition(2, 0.6))
    first, second = trials(more)
    assert second.user_attrs["seed"] == 1
    assert [trial.number for trial in best_trials(more.objective, find_study(more), 9)] == [1]
    assert first.user_attrs["configuration"] != second.user_attrs["configuration"]


def test_a_lucky_value_that_another_seed_takes_back_is_no_longer_the_best() -> None:
    study = Study.model_validate({"name": "s", "data": "digits", "model": TWO})
    optuna_study = optuna.create_study(direction="maximize")

    def tell(temperature: float, seed: int, value: float) -> tuple[float | None, int]:
        trial = optuna_study.ask()
        configuration = study.configuration({"model.temperature": temperature})
        TrialRecord(configuration=configuration, seed=seed).write(trial)
        optuna_study.tell(trial, value)
        return standing(study.objective, optuna_study)

    assert standing(study.objective, optuna_study) == (None, 0)
    assert tell(0.5, 0, 0.7) == (0.7, 0)
    assert tell(1.0, 0, 0.8) == (0.8, 0)
    assert tell(2.0, 0, 0.9) == (0.9, 0)  # luck
    assert tell(2.0, 1, 0.91) == (0.91, 1)  # a seed more of the same is none better
    assert tell(2.0, 2, 0.1) == (0.91, 3)
    assert tell(1.0, 1, 0.5) == (0.91, 5)
