"""What fails or dies: reasons, retries, limits; stand-in workers and real stores."""

import signal
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.fake_workers import Fails, Kills, Train
from support.study_runs import (
    TWO,
    by_temperature,
    check_ledger,
    ended,
    interrupting,
    run,
    runs,
    states,
    study_in,
    trials,
)

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.report.results.summary import summarize
from moe_search.report.text.status import summary_facts
from moe_search.search.study_store import find_study, open_study
from moe_search.stores.optuna import open_storage


def failing(*numbers: int, reason: str = "no luck") -> Train:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key in numbers and epoch == 2:
            raise Fails(reason)
        return by_temperature(spec, epoch)

    return train


def test_a_failed_trial_has_its_reason_in_both_stores_and_the_study_goes_on(
    study_folder: Path,
) -> None:
    study = study_in(study_folder)
    done = run(study, failing(1, reason="ValueError: no luck"))
    assert done.ended.reason == "all trials are done"
    assert states(study) == {"COMPLETE": 4, "FAIL": 1}
    (trial,) = trials(study, TrialState.FAIL)
    assert trial.number == 1
    assert trial.user_attrs["reason"] == "ValueError: no luck"
    (failed,) = [one for one in runs(study, "trial") if one.info.status == "FAILED"]
    assert failed.data.tags["moe_search.reason"] == "ValueError: no luck"
    assert failed.data.metrics["training/loss"] == 0.1  # of the epoch before
    (told,) = [event for event in ended(done.told) if event.state == "failed"]
    assert (told.text, told.failures) == ("ValueError: no luck", 1)
    check_ledger(study)


def test_too_many_failures_end_the_study(study_folder: Path) -> None:
    study = study_in(study_folder, search={"trials": 6, "max_failures": 2, "population": 1})
    done = run(study, failing(*range(1, 100)))
    assert done.ended.reason == "more than 2 trials failed"
    assert states(study)["COMPLETE"] == 1
    assert 3 <= states(study)["FAIL"] <= 4
    check_ledger(study)
    assert run(study, by_temperature).ended.reason == "all trials are done"


def test_a_study_whose_trials_all_fail_says_why_and_begins_no_others(study_folder: Path) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        raise Fails("ValueError: no luck" if spec.key else "ValueError: another thing")

    search = {"trials": 6, "max_failures": 2, "population": 1}
    study = study_in(study_folder, search=search)
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            run(study, fails)
        count = states(study)["FAIL"]
        assert str(caught.value) == (
            f"study 'tiny': all {count} trials failed, most often by: ValueError: no luck; mend "
            f"that, then go on with --set search.max_failures={count + 10}"
        )
        assert set(states(study)) == {"FAIL"}
        assert 3 <= count <= 4
        check_ledger(study)
        (parent,) = runs(study, "study")
        assert parent.info.status == "FAILED"
        summary = summarize(study, find_study(study), 1)
        assert summary.failure == "ValueError: no luck"
        assert dict(summary_facts(summary))["failed"].endswith("failed by: ValueError: no luck")
    more = study_in(study_folder, search=search | {"max_failures": 14})
    assert run(more, by_temperature).ended.reason == "all trials are done"
    assert summarize(more, find_study(more), 1).failure == ""
    check_ledger(more)


def test_a_study_whose_trials_were_all_interrupted_goes_on(study_folder: Path) -> None:
    search = {"trials": 2, "max_failures": 0, "population": 1}
    study = study_in(study_folder, search=search)
    assert run(study, interrupting(signal.SIGTERM, trial=0)).ended.interrupted
    assert set(states(study)) == {"FAIL", "WAITING"}
    assert run(study, by_temperature).ended.reason == "all trials are done"


def dying(*numbers: int) -> Train:
    """Trials whose workers die in their third epoch."""

    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key in numbers and epoch == 3:
            raise Kills("its worker died (signal SIGKILL)")
        return by_temperature(spec, epoch)

    return train


def test_the_trials_of_a_worker_that_dies_run_once_more(study_folder: Path) -> None:
    study = study_in(study_folder, search={"max_failures": 0})
    done = run(study, dying(1))
    assert done.ended.reason == "all trials are done"  # what runs again is no failure
    failed = trials(study, TrialState.FAIL)
    assert [trial.number for trial in failed] == [0, 1]  # they trained in step
    assert {trial.user_attrs["reason"] for trial in failed} == {"its worker died (signal SIGKILL)"}
    again = {trial.user_attrs.get("retry_of"): trial for trial in trials(study)}
    for trial in failed:
        assert again[trial.number].state == TrialState.COMPLETE
        assert again[trial.number].params == trial.params
        assert again[trial.number].user_attrs["seed"] == trial.user_attrs["seed"]
    told = [event.text for event in ended(done.told) if event.state == "failed"]
    assert told == ["its worker died (signal SIGKILL); it runs again"] * 2
    assert states(study)["COMPLETE"] == 4
    check_ledger(study)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_trial_that_dies_too_often_stays_failed(study_folder: Path, retries: int) -> None:
    search = {"workers": 1, "population": 1, "trials": 1, "retries": retries}
    study = study_in(study_folder, search=search)
    done = run(study, dying(*range(retries + 1)))
    first, *others = trials(study)
    assert [trial.state.name for trial in (first, *others)] == ["FAIL"] * (retries + 1) + [
        "COMPLETE"
    ]
    assert [trial.params for trial in others[:-1]] == [first.params] * retries
    assert others[-1].params != first.params
    assert max(event.failures for event in ended(done.told)) == 1
    check_ledger(study)


def test_a_finite_space_whose_trial_died_is_searched_to_the_end(study_folder: Path) -> None:
    study = study_in(study_folder, model=TWO, search={"sampler": "grid", "population": 1})
    run(study, dying(2))
    complete = trials(study, TrialState.COMPLETE)
    assert {trial.params["model.temperature"] for trial in complete} == {0.5, 1.0, 2.0}
    assert states(study) == {"COMPLETE": 3, "FAIL": 1}
    check_ledger(study)


def test_deaths_of_coordinators_count_and_interrupts_do_not(study_folder: Path) -> None:
    study = study_in(study_folder, search={"trials": 1})
    optuna_study = open_study(study, open_storage(study.optuna_url))
    optuna_study.ask().suggest_float(
        "model.temperature", 0.3, 3.0, log=True
    )  # and its coordinator dies
    assert run(study, interrupting(signal.SIGTERM)).ended.interrupted
    optuna_study.ask()  # and another dies
    run(study, by_temperature)
    first, second, third, fourth = trials(study)
    assert first.params == second.params
    assert [third.user_attrs[name] for name in ("retry_of", "deaths")] == [1, 1]
    assert [t.state.name for t in (first, second, third, fourth)] == [*["FAIL"] * 3, "COMPLETE"]
    assert fourth.params != first.params
