"""What ends a trial, or the study, before its time."""

from pathlib import Path

import pytest
from optuna.trial import TrialState
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

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.report.results.summary import summarize
from moe_search.report.text.search import champion_text
from moe_search.report.text.status import summary_facts
from moe_search.search.events import Started
from moe_search.search.study_store import find_study, first_to_reach, open_study
from moe_search.spec import Study
from moe_search.stores.optuna import open_storage


def test_a_collapse_is_stopped_as_it_stands(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        usage: dict[float, tuple[float, float]] = {
            0.5: (0.99, 0.01),  # H_u is 0.08 of log2 2
            1.0: (0.99, 0.01) if epoch != 3 else (0.9, 0.1),
            2.0: (0.9, 0.1),
        }
        return decomposition(2, 0.9, usage[spec.configuration.model.temperature])

    search = {"sampler": "grid", "collapse": {"usage_entropy": 0.1, "patience": 3}}
    study = study_in(study_folder, model=TWO, training={"epochs": 6}, search=search)
    run(study, train)
    pruned, *others = trials(study)
    assert pruned.state == TrialState.PRUNED
    assert pruned.user_attrs["reason"] == "collapse: usage entropy 0.08 of log2 M in epoch 3"
    assert sorted(pruned.intermediate_values) == [1, 2, 3]
    (stopped,) = [one for one in runs(study, "trial") if "(pruned)" in one.info.run_name]
    assert stopped.info.status == "FINISHED"
    assert stopped.data.tags["moe_search.reason"] == pruned.user_attrs["reason"]
    assert stopped.data.metrics["validation/accuracy"] == pytest.approx(0.9)
    # the second was above the bound once, so epochs 4 to 6 are its third in a row: the last
    assert [trial.state for trial in others] == [TrialState.COMPLETE] * 2
    check_ledger(study)


def test_a_single_network_does_not_collapse(study_folder: Path) -> None:
    model = {"kind": "single", "temperature": 1.0}
    study = study_in(study_folder, model=model, search={"collapse": True})
    run(study, lambda spec, epoch: decomposition(1, 0.9))
    assert states(study) == {"COMPLETE": 1}


def test_patience_ends_a_study_and_a_rerun_of_it(study_folder: Path) -> None:
    points = [{"model.temperature": value} for value in (1.0, 2.0, 0.9, 0.8, 0.7)]
    search = {"patience": 3, "points": points, "population": 1, "workers": 1, "trials": 30}
    study = study_in(study_folder, search=search)
    assert run(study, by_temperature).ended.reason == "no better trial in the last 3"
    assert [trial.params for trial in trials(study)] == points
    again = run(study, by_temperature)
    assert again.ended.reason == "no better trial in the last 3"
    assert len(trials(study)) == 5
    (started,) = [event for event in again.told if isinstance(event, Started)]
    assert started.best == trials(study)[1].value


def test_a_target_ends_the_search_with_finals_and_a_rerun_of_it(study_folder: Path) -> None:
    def with_target(accuracy: float) -> Study:
        points = [{"model.temperature": value} for value in (1.0, 2.0, 3.0)]
        one = {"points": points, "population": 1, "workers": 1}
        search = {"target": {"accuracy": accuracy, "error": 1 - accuracy}, **one, "trials": 3}
        return study_in(study_folder, search=search, finalists={"top": 1, "seeds": 1})

    study = with_target(0.7)
    begun = summarize(study, open_study(study, open_storage(study.optuna_url)), 1)
    assert dict(summary_facts(begun))["target"].endswith("error at most 0.3: not reached")
    reason = "trial 1 reached the target: accuracy at least 0.7, error at most 0.3"
    for finalists in (1, 0):
        done = run(study, by_temperature)
        assert done.ended.reason == reason
        assert [len(trials(study)), sum(job.test for job in done.workers.jobs)] == [2, finalists]
    found = summarize(study, find_study(study), 1)
    assert dict(summary_facts(found))["target"].endswith("error at most 0.3: reached by trial 1")
    assert "a target, accuracy at least 0.7, error at most 0.3: reached by" in champion_text(found)
    assert summarize(with_target(0.9), find_study(study), 1).reached is None


def test_what_misses_a_constraint_reaches_no_target(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        return decomposition(2, 0.9, usage=(0.8, 0.2) if spec.key == 0 else (0.5, 0.5))

    kept = {"constraints": {"max_expert_share": {"at_most": 0.6}}}
    search = {"target": {"accuracy": 0.9}, "population": 1, "workers": 1}
    study = study_in(study_folder, model=TWO, search=search, objective=kept)
    assert run(study, train).ended.reason.startswith("trial 1 reached")
    assert first_to_reach(study.search.target, find_study(study)) == 1


def test_a_pruned_trial_is_no_better_one(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        return decomposition(2, 0.9, usage=(1.0, 0.0) if spec.key else (0.5, 0.5))

    search = {"patience": 2, "collapse": True, "population": 1, "workers": 1, "trials": 30}
    study = study_in(study_folder, model=TWO, search=search)
    for _ in range(2):
        assert run(study, train).ended.reason == "no better trial in the last 2"
        assert states(study) == {"COMPLETE": 1, "PRUNED": 2}


def test_the_time_limit_ends_a_study_between_trials(
    study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        now[0] += 10
        return by_temperature(spec, epoch)

    monkeypatch.setattr("moe_search.search.coordinator.time.monotonic", lambda: now[0])
    search = {"timeout": "70s", "trials": 30, "workers": 1, "population": 1}
    study = study_in(study_folder, search=search)
    assert run(study, train).ended.reason == "the time limit is reached"
    assert states(study) == {"COMPLETE": 2}  # 40 s each: the second was begun in time
    check_ledger(study)
