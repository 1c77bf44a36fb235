"""The search from asking to telling, with stand-in workers and real stores."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from searching import check_ledger, run, runs, study_in, trials
from standin import Fails, Kills, Train, decomposition

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.progress import Note, Working
from moe_search.search.events import Started, TrialEnded
from moe_search.search.objective import normalised
from moe_search.search.ranking import best_trials
from moe_search.search.store import COUNTED, find_study, open_storage, open_study
from moe_search.spec import Study

TWO = {"experts": 2, "temperature": {"choices": [0.5, 1.0, 2.0]}}


def by_temperature(spec: TrialSpec, epoch: int) -> Decomposition:
    """Hotter is better, and more epochs are."""
    model = spec.configuration.model
    return decomposition(model.experts, 0.5 + 0.1 * model.temperature + 0.01 * epoch)


def failing(*numbers: int, reason: str = "no luck") -> Train:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key in numbers and epoch == 2:
            raise Fails(reason)
        return by_temperature(spec, epoch)

    return train


def states(study: Study) -> Counter[str]:
    return Counter(trial.state.name for trial in trials(study))


def ended(told: list[Any]) -> list[TrialEnded]:
    return [event for event in told if isinstance(event, TrialEnded)]


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
    assert {type(event) for event in again.told} == {Working, Started}
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
    assert told.values == (trial.value,)
    assert told.best == trial.value
    assert sorted(trial.intermediate_values) == [1, 2, 3, 4]
    assert trial.intermediate_values[4] == trial.value
    assert {name: trial.user_attrs[name] for name in last} == last
    (run_,) = runs(study, "trial")
    assert {name: run_.data.metrics[f"validation/{name}"] for name in last} == last
    assert trial.user_attrs["model"].startswith("models:/")


def interrupting(number: signal.Signals, trial: int = 1) -> Train:
    """A signal comes in the second epoch of a trial."""

    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == trial and epoch == 2:
            signal.raise_signal(number)
        return by_temperature(spec, epoch)

    return train


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
    kept = open_study(study, open_storage(study))
    kept.enqueue_trial({"model.temperature": 0.7})
    kept.ask()  # and died before it knew the configuration
    kept.ask().suggest_float("model.temperature", 0.3, 3.0, log=True)
    kept.ask()
    given_up = trials(study)
    done = run(study, by_temperature)
    notes = [event.text for event in done.told if isinstance(event, Note)]
    assert notes == [
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
    done = run(study, failing(*range(100)))
    assert done.ended.reason == "more than 2 trials failed"
    assert set(states(study)) == {"FAIL"}
    assert 3 <= states(study).total() <= 4
    check_ledger(study)
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
    kept = open_study(study, open_storage(study))
    kept.ask().suggest_float("model.temperature", 0.3, 3.0, log=True)  # and its coordinator dies
    assert run(study, interrupting(signal.SIGTERM)).ended.interrupted
    kept.ask()  # and another dies
    run(study, by_temperature)
    first, second, third, fourth = trials(study)
    assert first.params == second.params
    assert [third.user_attrs[name] for name in ("retry_of", "deaths")] == [1, 1]
    assert [t.state.name for t in (first, second, third, fourth)] == [*["FAIL"] * 3, "COMPLETE"]
    assert fourth.params != first.params


def test_that_workers_are_uncompiled_is_said_once(study_folder: Path) -> None:
    study = study_in(study_folder, search={"trials": 1})
    told = run(study, by_temperature, uncompiled="there is no g++").told
    (note,) = [event.text for event in told if isinstance(event, Note)]
    assert note.endswith("there is no g++")


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
    kept = open_study(study, open_storage(study))
    name = study.configuration({"model.temperature": 1.0}).model_dump_json()
    for seed in (0, 1):
        trial = kept.ask()
        trial.suggest_categorical("model.temperature", [1.0])
        trial.set_user_attr("configuration", name)
        trial.set_user_attr("seed", seed)
    kept.tell(1, 0.5)  # and the first was left running
    run(study, by_temperature)
    assert [t.user_attrs["seed"] for t in trials(study, TrialState.COMPLETE)] == [1, 0]


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
    (killed,) = [one for one in runs(study, "trial") if one.info.status == "KILLED"]
    assert killed.data.tags["moe_search.reason"] == pruned.user_attrs["reason"]
    assert killed.data.metrics["validation/accuracy"] == pytest.approx(0.9)
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
    assert hot.constraints == {"max_expert_share at most 0.65": pytest.approx(0.05)}
    assert [event.best for event in told] == [None, cold.value, mild.value]
    ranked = best_trials(study, find_study(study), 3)
    assert [trial.number for trial in ranked] == [mild.number, cold.number, hot.number]
    assert find_study(study).best_trial.number == mild.number
    check_ledger(study)


BOUND = {"at_most": 0.65}


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
    kept = find_study(study)
    assert [direction.name for direction in kept.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert kept.metric_names == ["error", "usage_entropy"]
    front = {trial.number for trial in kept.best_trials}
    repeats = {trial.number for trial in found if trial.user_attrs["seed"] > 0}
    assert front == {0, 1, 2, 3} - repeats
    ranked = best_trials(study, kept, 9)
    assert [trial.params["model.temperature"] for trial in ranked] == [2.0, 1.0, 0.5]
    check_ledger(study)


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
