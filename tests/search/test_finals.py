"""The finals: fresh seeds, the champion by validation, going on where they ended."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from mlflow import MlflowClient
from support.fake_workers import Fails, decomposition
from support.study_runs import Ran, check_ledger, notes, run, runs, study_in

from moe_search.engine.trial import TrialResult, TrialSpec
from moe_search.errors import UserError
from moe_search.models.pull import FoundModel, describe, pull_model
from moe_search.moe.decomposition import Decomposition
from moe_search.progress import Note
from moe_search.report.results.summary import summarize
from moe_search.report.text.search import champion_text
from moe_search.search import finals
from moe_search.search.events import FinalistEnded, FinalistsStarted
from moe_search.search.ledger import ChampionRecord, StudyRecord
from moe_search.search.ranking import finalists
from moe_search.search.study_store import find_study
from moe_search.spec import Study
from moe_search.spec.sections import Objective
from moe_search.tracking.child_runs import Logged
from moe_search.tracking.runs import Tracker

HOT, MILD, COLD = 2.0, 1.0, 0.5


def study_of(folder: Path, top: int = 2, seeds: int = 2, race: bool = True, **search: Any) -> Study:
    """A grid of three temperatures."""
    return study_in(
        folder,
        model={"experts": 2, "temperature": {"choices": [COLD, MILD, HOT]}},
        objective={"maximize": {"accuracy": 1.0}},
        search={"sampler": "grid", **search},
        finalists={"top": top, "seeds": seeds, "race": race},
    )


def fresh_seeds(study: Study) -> list[int]:
    return finals.fresh_seeds(study.search.seed, study.finalists.seeds)


def temperature(spec: TrialSpec) -> float:
    return spec.configuration.model.temperature


def is_final(spec: TrialSpec) -> bool:
    return spec.seed >= 1_000_000


def by_temperature(spec: TrialSpec, epoch: int) -> Decomposition:
    """Hotter is better, and of the fresh seeds the first."""
    return decomposition(2, 0.5 + 0.1 * temperature(spec) - 0.001 * (spec.seed % 1000))


def deceptive(spec: TrialSpec, epoch: int) -> Decomposition:
    """In the search hotter is better; over fresh seeds the mild ones are."""
    accuracy = {HOT: 0.8, MILD: 0.7, COLD: 0.6}[temperature(spec)]
    if is_final(spec):
        accuracy = {HOT: 0.6, MILD: 0.65}[temperature(spec)]
    return decomposition(2, accuracy)


def contrary(spec: TrialSpec, epoch: int) -> Decomposition:
    """On the test split the hot ones are better after all."""
    return decomposition(2, {HOT: 0.9, MILD: 0.55, COLD: 0.5}[temperature(spec)])


def trained(done: Ran) -> list[tuple[float, int]]:
    """Temperatures and seeds that finalists were trained with."""
    specs = [spec for job in done.workers.jobs if job.test for spec in job.trials]
    assert all(map(is_final, specs))
    return sorted((temperature(spec), spec.seed) for spec in specs)


def of_champion(study: Study) -> dict[str, Any]:
    champion = StudyRecord.of(find_study(study)).champion
    assert champion is not None
    record: dict[str, Any] = champion.plain()
    return record


def test_finalists_have_the_same_fresh_seeds(study_folder: Path) -> None:
    study = study_of(study_folder, seed=7)
    done = run(study, by_temperature)
    seeds = fresh_seeds(study)
    assert len(set(seeds)) == 2
    assert trained(done) == [(value, seed) for value in (MILD, HOT) for seed in seeds]
    assert fresh_seeds(study_of(study_folder, seed=8)) != seeds
    told = [event for event in done.told if isinstance(event, FinalistEnded)]
    assert FinalistsStarted(4) in done.told
    assert Counter(event.seed for event in told) == dict.fromkeys(seeds, 2)
    found = runs(study, "finalist")
    assert [one.info.status for one in found] == ["FINISHED"] * 4
    ranks = Counter(one.data.tags["moe_search.rank"] for one in found)
    assert ranks == {"1": 2, "2": 2}
    check_ledger(study)


def test_the_test_split_is_read_for_finalists_alone(study_folder: Path) -> None:
    done = run(study_of(study_folder), by_temperature)
    for job in done.workers.jobs:
        assert {is_final(spec) for spec in job.trials} == {job.test}


def test_the_champion_is_the_best_on_validation_over_fresh_seeds(study_folder: Path) -> None:
    study = study_of(study_folder)
    run(study, deceptive, test=contrary)
    first, second = finalists(study.objective, find_study(study))
    assert (first.value, second.value) == pytest.approx((0.65, 0.6))
    assert (first.test["accuracy"].mean, second.test["accuracy"].mean) == pytest.approx((0.55, 0.9))
    assert of_champion(study)["trial"] == first.trial


def test_of_equals_the_simplest_is_the_champion(study_folder: Path) -> None:
    """Five experts are better by less than the noise of their difference to two."""

    def about_equal(spec: TrialSpec, epoch: int) -> Decomposition:
        experts = spec.configuration.model.experts
        noise = 0.01 if (spec.seed % 2 == 0) == (experts == 5) else -0.01
        return decomposition(experts, 0.8 + 0.001 * experts + noise)

    study = study_in(
        study_folder,
        model={"experts": {"choices": [2, 5]}},
        objective={"maximize": {"accuracy": 1.0}},
        search={"sampler": "grid"},
        finalists={"top": 2, "seeds": 4},
    )
    run(study, about_equal)
    first, second = finalists(study.objective, find_study(study))
    assert first.value < second.value
    assert first.cost
    assert second.cost
    assert first.cost.multiply_adds < 0.9 * second.cost.multiply_adds
    assert of_champion(study)["trial"] == first.trial
    assert "fewest multiply-adds is taken" in champion_text(summarize(study, find_study(study), 1))


def test_the_champion_is_registered(study_folder: Path) -> None:
    study = study_of(study_folder)
    run(study, by_temperature)
    champion = of_champion(study)
    assert champion["seed"] == fresh_seeds(study)[0]  # the better of its two models
    assert champion["uri"] == "models:/tiny@champion"
    client = MlflowClient(tracking_uri=study.mlflow_url, registry_uri=study.mlflow_url)
    version = client.get_model_version_by_alias("tiny", "champion")
    assert version.run_id == champion["run_id"]
    assert champion["model_id"] in str(version.source)
    assert "Over 2 fresh seeds: test error 0.3005" in (version.description or "")
    run(study, by_temperature)
    assert len(client.search_model_versions("name = 'tiny'")) == 1


def test_finals_go_on_where_they_were_interrupted(study_folder: Path) -> None:
    def interrupted(spec: TrialSpec, epoch: int) -> Decomposition:
        if is_final(spec) and temperature(spec) == MILD and epoch == 2:
            signal.raise_signal(signal.SIGINT)
        return by_temperature(spec, epoch)

    study = study_of(study_folder, seeds=3, race=False, workers=1, population=1)
    assert run(study, interrupted).ended.interrupted
    optuna_study = find_study(study)
    record = StudyRecord.of(optuna_study)
    assert len(record.finalists) == 3  # all of the hot one
    assert record.champion is None
    done = run(study, by_temperature)
    assert trained(done) == [(MILD, seed) for seed in fresh_seeds(study)]
    assert FinalistsStarted(3) in done.told
    assert len(StudyRecord.of(find_study(study)).finalists) == 6
    again = run(study, by_temperature)
    assert not again.workers.jobs
    assert len(runs(study, "finalist")) == 6
    check_ledger(study)


def test_a_search_that_was_short_believes_once_it_has_grown(study_folder: Path) -> None:
    for count, known in ((4, 0), (9, 9)):
        study = study_in(
            study_folder, search={"trials": count}, finalists={"top": 1, "seeds": 1, "race": False}
        )
        run(study, by_temperature)
        assert len(StudyRecord.of(find_study(study)).believed or {}) == known


def test_more_trials_may_bring_another_champion(study_folder: Path) -> None:
    points = [{"model.temperature": value} for value in (COLD, MILD, HOT)]
    begun = study_of(study_folder, top=1, points=points, trials=2)
    run(begun, by_temperature)
    before = of_champion(begun)
    study = study_of(study_folder, top=1, points=points, trials=3)
    with patch("moe_search.search.finals._crown"):  # as if it died before
        assert trained(run(study, by_temperature)) == [(HOT, seed) for seed in fresh_seeds(study)]
    summary = summarize(study, find_study(study), 1)
    assert summary.finalists[0].trial == of_champion(study)["trial"] == before["trial"]
    text = champion_text(summary)
    assert f"the configuration of trial {before['trial']}," in text
    assert "mean is taken" not in text
    done = run(study, by_temperature)
    now = of_champion(study)["trial"]
    assert now != before["trial"]
    assert Note(f"the champion is trial {now} now, before it was {before['trial']}") in done.told
    ranked = finalists(study.objective, find_study(study))
    assert [finalist.trial for finalist in ranked] == [now, before["trial"]]


def test_what_is_registered_says_how_the_champion_stands_now(study_folder: Path) -> None:
    run(study_of(study_folder, top=1, seeds=1), by_temperature)
    assert "Over 1 fresh seed: test error 0.3000 (mean ± SD)" in described(study_of(study_folder))
    run(study_of(study_folder, top=1, seeds=3), by_temperature)
    assert "Over 3 fresh seeds: test error 0.3010 ± 0.0010" in described(study_of(study_folder))


def test_a_finalist_that_fails_is_said_and_trained_again_by_a_rerun(study_folder: Path) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        if is_final(spec) and temperature(spec) == HOT and spec.seed % 2:
            raise Fails("no luck")
        return by_temperature(spec, epoch)

    study = study_of(study_folder)
    done = run(study, fails)
    assert Note("a finalist failed: no luck") in done.told
    assert len(StudyRecord.of(find_study(study)).finalists) == 3
    assert trained(run(study, by_temperature)) == [(HOT, fresh_seeds(study)[1])]


def test_finals_in_which_all_fail_end_with_the_reason_and_go_on(study_folder: Path) -> None:
    def fails(spec: TrialSpec, epoch: int) -> Decomposition:
        if is_final(spec):
            raise Fails("ValueError: no luck")
        return by_temperature(spec, epoch)

    study = study_of(study_folder)
    with pytest.raises(UserError) as caught:
        run(study, fails)
    assert str(caught.value) == (
        f"study {study.name!r}: all finalists failed, most often by: ValueError: no luck; mend "
        "that, then the same command goes on"
    )
    (parent,) = runs(study, "study")
    assert parent.info.status == "FAILED"
    check_ledger(study)
    run(study, by_temperature)
    assert len(StudyRecord.of(find_study(study)).finalists) == 4
    check_ledger(study)


def retrained(folder: Path, retrain: str | None = "all") -> Study:
    """One trial, two finalists."""
    return study_in(
        folder,
        model={"experts": 2, "temperature": HOT},
        search={"workers": 1, "population": 1},
        finalists={"top": 1, "seeds": 2, "retrain": retrain},
    )


def better_on_all(spec: TrialSpec, epoch: int) -> Decomposition:
    """On the test split; the second seed's more so, which must choose nothing."""
    return decomposition(2, 0.7 + 0.05 * (spec.seed % 2) if spec.on_all else 0.6)


def test_the_champion_is_retrained_on_all_and_that_of_the_first_seed_registered(
    study_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies between MLflow and Optuna, and goes on."""
    log = Tracker.log_retrained

    def dies(tracker: Tracker, trial: int, result: TrialResult) -> Logged:
        logged = log(tracker, trial, result)
        if result.seed % 2:
            raise RuntimeError("here it dies")
        return logged

    study = retrained(study_folder)
    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "log_retrained", dies)
        with pytest.raises(RuntimeError, match="here it dies"):
            run(study, by_temperature, test=better_on_all)
    record = StudyRecord.of(find_study(study))
    assert (len(record.finalists), len(record.retrained), record.champion) == (2, 1, None)
    done = run(study, by_temperature, test=better_on_all)
    specs = [spec for job in done.workers.jobs for spec in job.trials]
    assert [(spec.seed, spec.on_all) for spec in specs] == [(fresh_seeds(study)[1], True)]
    assert FinalistsStarted(1, on_all=True) in done.told
    statuses = Counter(one.info.status for one in runs(study, "retrained"))
    assert statuses == {"FINISHED": 2, "KILLED": 1}
    check_ledger(study)
    check_retrained(study, tmp_path / "pulled")
    without = retrained(study_folder, retrain=None)
    assert not run(without, by_temperature).workers.jobs
    assert of_champion(without)["run_id"] == record.finalists[0].run_id


def check_retrained(study: Study, to: Path) -> None:
    """What the ledger, the report, the model and its pages say."""
    first, second = fresh_seeds(study)
    record = StudyRecord.of(find_study(study))
    champion, found = record.champion, summarize(study, find_study(study), 1)
    assert champion is not None
    assert [one.seed for one in record.retrained] == [first, second]
    assert (champion.seed, champion.model_id) == (first, record.retrained[0].model_id)
    assert "value" not in champion.plain()
    assert found.champion_result is not None
    assert found.champion_result.test["error"].mean == pytest.approx(0.4, abs=1e-3)
    assert found.retrained is not None
    assert (found.retrained.seed, found.retrained.seeds) == (first, 2)
    assert found.retrained.test["error"].mean == pytest.approx(0.275, abs=1e-3)
    assert found.retrained.gain.mean == pytest.approx(-0.125, abs=1e-3)
    parts = found.champion_result, "", found.retrained
    model = FoundModel(champion.uri, study.mlflow_url, study.name, champion.trial, *parts)
    told = dict(describe(model, pull_model(model, to)))
    assert told["validation"] == "none: the model was trained on those samples, too"
    assert told["retrained"].startswith("on training and validation data: test error 0.275")
    assert "Over 2 seeds: test error 0.2750 ± 0.0354, of which this model is" in described(study)
    for of_one in (one for one in runs(study, "retrained") if one.info.status == "FINISHED"):
        assert not [name for name in of_one.data.metrics if name.startswith("validation/")]
        assert "no samples are left" in of_one.data.tags["mlflow.note.content"]


def test_no_finals(study_folder: Path) -> None:
    study = study_of(study_folder, top=0)
    run(study, by_temperature)
    assert runs(study, "finalist") == []
    record = StudyRecord.of(find_study(study))
    assert (record.finalists, record.champion) == ((), None)


SHARE = {"maximize": {"accuracy": 1.0}, "constraints": {"max_expert_share": {"at_most": 0.65}}}


def usage(share: float) -> tuple[float, float]:
    return (share, 1 - share)


def constrained(folder: Path, **finalists: Any) -> Study:
    study = study_of(folder, workers=1, population=1)
    return study.model_copy(
        update={
            "objective": Objective.model_validate(SHARE),
            "finalists": study.finalists.model_copy(update=finalists),
        }
    )


def tempting(spec: TrialSpec, epoch: int) -> Decomposition:
    """In the search all keep the bound; over fresh seeds the hot one is the best and misses it."""
    share = 0.7 if is_final(spec) and temperature(spec) == HOT else 0.6
    return decomposition(2, 0.5 + 0.1 * temperature(spec), usage(share))


def marks(study: Study) -> dict[str, str]:
    """What the runs of finalists say of the constraints, by rank of their trial."""
    found = [one.data.tags for one in runs(study, "finalist")]
    return {tags["moe_search.rank"]: tags["moe_search.constraints"] for tags in found}


def described(study: Study) -> str:
    client = MlflowClient(tracking_uri=study.mlflow_url, registry_uri=study.mlflow_url)
    return str(client.get_model_version_by_alias("tiny", "champion").description)


def test_a_finalist_that_misses_a_constraint_is_not_the_champion(study_folder: Path) -> None:
    study = constrained(study_folder)
    done = run(study, tempting)
    first, second = finalists(study.objective, find_study(study))
    assert (first.feasible, second.feasible) == (True, False)
    assert first.value < second.value
    assert second.violations == {"max_expert_share at most 0.65": pytest.approx(0.05)}
    assert of_champion(study)["trial"] == first.trial
    assert marks(study) == {"1": "max_expert_share at most 0.65 missed by 0.05", "2": "kept"}
    assert "Infeasible" not in described(study)
    assert not notes(done.told)


def test_where_no_finalist_keeps_the_constraints_it_is_said(study_folder: Path) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        return decomposition(2, 0.5 + 0.1 * temperature(spec), usage(0.7))

    study = constrained(study_folder)
    missed = "max_expert_share at most 0.65 missed by 0.05"
    for _ in range(2):  # a run that has nothing to do says it, too
        done = run(study, train)
        assert notes(done.told) == [f"no finalist keeps the constraints; the best one: {missed}"]
    first, _ = finalists(study.objective, find_study(study))
    assert of_champion(study)["trial"] == first.trial
    assert set(marks(study).values()) == {missed}
    assert described(study).endswith(f"Infeasible: no finalist keeps the constraints; {missed}.")


def test_of_the_champions_models_one_that_keeps_the_constraints_is_registered(
    study_folder: Path,
) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        lucky = is_final(spec) and spec.seed % 2 == 0
        return decomposition(2, 0.8 if lucky else 0.7, usage(0.66 if lucky else 0.6))

    study = constrained(study_folder, top=1)
    run(study, train)
    (only,) = finalists(study.objective, find_study(study))
    assert only.feasible  # in the mean over both
    assert of_champion(study)["seed"] == fresh_seeds(study)[1]


def test_a_champion_that_was_crowned_without_its_constraints_is_replaced(
    study_folder: Path,
) -> None:
    """As a study has it that ended before constraints counted in the finals."""
    study = constrained(study_folder)
    run(study, tempting)
    optuna_study = find_study(study)
    (hot, *_) = [r for r in StudyRecord.of(optuna_study).finalists if r.value > 0.65]
    champion = ChampionRecord(**vars(hot), uri="models:/tiny@champion")
    StudyRecord(champion=champion).write(optuna_study)
    assert not run(study, tempting).workers.jobs
    first, _ = finalists(study.objective, find_study(study))
    assert of_champion(study)["trial"] == first.trial


@pytest.mark.parametrize(
    ("choose", "best"), [(None, HOT), ("accuracy", HOT), ("max_expert_share", COLD)]
)
def test_of_a_front_the_metric_to_choose_by_names_the_champion(
    study_folder: Path, choose: str | None, best: float
) -> None:
    def train(spec: TrialSpec, epoch: int) -> Decomposition:
        share = 0.5 + 0.1 * temperature(spec)
        return decomposition(2, share - 0.001 * (spec.seed % 2), usage(share))

    study = study_in(
        study_folder,
        model={"experts": 2, "temperature": {"choices": [COLD, MILD, HOT]}},
        objective={"pareto": ["accuracy", "max_expert_share"]},
        search={"sampler": "grid"},
        finalists={"top": 2, "seeds": 2, "choose": choose},
    )
    run(study, train)
    optuna_study = find_study(study)
    first, _ = finalists(study.objective, optuna_study, choose)
    assert optuna_study.trials[first.trial].params["model.temperature"] == best
    assert of_champion(study)["trial"] == first.trial
    assert of_champion(study)["seed"] == fresh_seeds(study)[0]
    assert first.chosen_by == (choose or "accuracy")


DEGREES = (0.4, 0.34, 0.37, 0.43, 0.46, 0.8, 1.2, 1.6, 2.0, 2.3, 2.6, 2.9)


def lucky(spec: TrialSpec, epoch: int) -> Decomposition:
    """Hotter is better; in the search the first trial, among its like, is better than all."""
    luck = 0.15 if temperature(spec) == DEGREES[0] and not is_final(spec) else 0.0
    return decomposition(2, 0.6 + 0.04 * temperature(spec) + luck)


def with_luck(folder: Path) -> Study:
    return study_in(
        folder,
        objective={"maximize": {"accuracy": 1.0}},
        search={
            "trials": len(DEGREES),
            "points": [{"model.temperature": degrees} for degrees in DEGREES],
            "race": "off",
        },
        finalists={"top": 1, "seeds": 1},
    )


def test_a_lucky_trial_is_no_finalist(study_folder: Path) -> None:
    study = with_luck(study_folder)
    run(study, lucky)
    optuna_study = find_study(study)
    assert optuna_study.best_trial.number == 0
    (finalist,) = finalists(study.objective, optuna_study)
    assert optuna_study.trials[finalist.trial].params["model.temperature"] > 2


def test_finals_that_an_earlier_version_ended_are_not_begun_again(study_folder: Path) -> None:
    """It took the trial with the best value."""
    study = with_luck(study_folder)
    with patch("moe_search.search.surrogate.beliefs.FEWEST", 1000):
        run(study, lucky)
    begun = find_study(study)
    begun._storage.set_study_system_attr(begun._study_id, "moe_search:believed", None)
    assert StudyRecord.of(find_study(study)).believed is None
    assert not run(study, lucky).workers.jobs
    (finalist,) = finalists(study.objective, find_study(study))
    assert finalist.trial == 0
