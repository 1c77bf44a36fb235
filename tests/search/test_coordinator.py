"""The search from asking to telling, with stand-in workers and real stores."""

import signal
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.study_runs import (
    TWO,
    by_temperature,
    check_ledger,
    ended,
    interrupting,
    notes,
    run,
    runs,
    states,
    study_in,
    trials,
)

from moe_search.engine.trial import TrialSpec
from moe_search.progress import Note, Working
from moe_search.search.events import Started
from moe_search.search.study_store import COUNTED, open_study
from moe_search.spec import Study
from moe_search.stores.optuna import open_storage


def test_a_study_gets_its_trials_and_a_rerun_tops_up(study_folder: Path) -> None:
    def study(wanted: int) -> Study:
        search = {"trials": wanted, "pruner": "hyperband"}
        return study_in(study_folder, training={"epochs": 6}, search=search)

    told = run(study(8), by_temperature).told
    found = states(study(8))
    assert found["COMPLETE"] + found["PRUNED"] == found.total() == 8
    assert found["PRUNED"] > 0
    assert [event.counted for event in ended(told)] == list(range(1, 9))
    check_ledger(study(8))

    again = run(study(8), by_temperature)
    assert again.ended.reason == "all trials are done"
    assert {type(event) for event in again.told} == {Working, Note, Started}
    assert not notes(again.told)
    assert states(study(8)) == found

    run(study(9), by_temperature)
    assert states(study(9)).total() == 9
    check_ledger(study(9))


def test_a_trial_is_its_last_epoch_in_both_stores(study_folder: Path) -> None:
    study = study_in(study_folder, model=TWO, search={"trials": 1})
    (told,) = ended(run(study, by_temperature).told)
    (trial,) = trials(study)
    last = by_temperature(TrialSpec(0, study.configuration(trial.params), 0), 4).metrics()
    usage, sample = last["usage_entropy"], last["sample_entropy"]
    assert trial.value == pytest.approx(last["accuracy"] - 0.1 * sample + 0.1 * usage)
    assert told.values == {"objective": trial.value}
    assert told.best == trial.value
    assert sorted(trial.intermediate_values) == [1, 2, 3, 4]
    assert trial.intermediate_values[4] == trial.value
    assert {name: trial.user_attrs[name] for name in last} == last
    (run_,) = runs(study, "trial")
    assert {name: run_.data.metrics[f"validation/{name}"] for name in last} == last
    assert trial.user_attrs["model"].startswith("models:/")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_runs_first_what_was_given_up(
    study_folder: Path, number: signal.Signals
) -> None:
    study = study_in(study_folder, search={"trials": 6})
    assert run(study, interrupting(number, trial=4)).ended.interrupted
    left = trials(study, TrialState.FAIL)
    assert [trial.number for trial in left] == [4, 5]
    assert {trial.user_attrs["reason"] for trial in left} == {"interrupted"}
    waiting = trials(study, TrialState.WAITING)
    assert [trial.user_attrs["retry_of"] for trial in waiting] == [4, 5]
    (parent,) = runs(study, "study")
    assert parent.info.status == "KILLED"
    check_ledger(study)

    done = run(study, by_temperature)
    assert not done.ended.interrupted
    first = [spec for job in done.workers.jobs for spec in job.trials][: len(left)]
    again = {trial.number: trial for trial in trials(study)}
    for spec, trial in zip(first, left, strict=True):
        assert again[spec.key].params == trial.params
        assert spec.seed == trial.user_attrs["seed"]
    assert states(study) == {"COMPLETE": 6, "FAIL": 2}
    (parent,) = runs(study, "study")
    assert parent.info.status == "FINISHED"
    check_ledger(study)


def test_trials_that_a_dead_coordinator_left_running_run_again(study_folder: Path) -> None:
    study = study_in(study_folder, search={"points": [{"model.temperature": 0.7}]})
    optuna_study = open_study(study, open_storage(study.optuna_url))
    optuna_study.enqueue_trial({"model.temperature": 0.7})
    optuna_study.ask()  # and died before it knew the configuration
    optuna_study.ask().suggest_float("model.temperature", 0.3, 3.0, log=True)
    optuna_study.ask()
    given_up = trials(study)
    done = run(study, by_temperature)
    assert notes(done.told) == [
        "trials 0, 1 did not end and will run again",
        "trial 2 did not end, with nothing suggested yet: others will take their place",
    ]
    found = trials(study)
    for trial in found[:3]:
        assert trial.state == TrialState.FAIL
        assert trial.user_attrs["reason"] == "its coordinator died"
    again = [trial.params for trial in trials(study, TrialState.COMPLETE)]
    assert len(again) == 4
    assert again[:2] == [{"model.temperature": 0.7}, given_up[1].params]
    assert again.count({"model.temperature": 0.7}) == 1  # the point is not queued twice
    check_ledger(study)


def test_that_workers_are_uncompiled_is_said_once(study_folder: Path) -> None:
    study = study_in(study_folder, search={"trials": 1})
    told = run(study, by_temperature, uncompiled="there is no g++").told
    (note,) = notes(told)
    assert note.endswith("there is no g++")


def test_trials_train_in_step_where_they_can_and_workers_share_the_rest(
    study_folder: Path,
) -> None:
    model = {"temperature": {"low": 0.3, "high": 3.0}, "gate": GATES}
    search = {"trials": 8, "population": 3, "workers": 2, "sampler": "random"}
    study = study_in(study_folder, model=model, search=search)
    jobs = run(study, by_temperature).workers.jobs
    assert max(len(job.trials) for job in jobs) == 3
    for job in jobs:
        assert len({spec.configuration.model.gate for spec in job.trials}) == 1
        assert not job.test
    asked = sorted(spec.key for job in jobs for spec in job.trials)
    assert asked == list(range(8))
    check_ledger(study)


GATES = {"choices": ["original", "attentive"]}


def test_only_complete_and_pruned_trials_count() -> None:
    assert set(COUNTED) == {TrialState.COMPLETE, TrialState.PRUNED}
