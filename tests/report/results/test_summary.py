"""What is read off a study in Optuna's store."""

import dataclasses
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from moe_search.errors import UserError
from moe_search.intervals import Interval
from moe_search.report.results.summary import plain, summarize
from moe_search.report.text.search import study_tables
from moe_search.report.text.status import summary_facts
from moe_search.search.suggest import suggest
from moe_search.spec import METRICS, Study
from moe_search.stores.lock import study_lock

METRIC_VALUES = dict.fromkeys(METRICS, 0.5)


def study_of(**sections: Any) -> Study:
    given = {
        "name": "s",
        "data": "digits",
        "model": {"experts": {"low": 2, "high": 9}, "temperature": {"low": 0.5, "high": 2.0}},
        **sections,
    }
    return Study.model_validate(given, context={"folder": Path("/folder")})


def optuna_study_of(study: Study, trials: int, sampler_seed: int = 0) -> optuna.Study:
    """A study in memory whose objectives depend on the number of experts alone."""
    optuna_study = optuna.create_study(
        directions=study.objective.directions,
        sampler=optuna.samplers.RandomSampler(seed=sampler_seed),
    )
    for _ in range(trials):
        trial = optuna_study.ask()
        values = suggest(trial, study)
        trial.set_user_attr("configuration", study.configuration(values).model_dump_json())
        for name, value in {**METRIC_VALUES, "seconds": 1.0, "model": "models:/m-0"}.items():
            trial.set_user_attr(name, value)
        optuna_study.tell(trial, [float(values["model.experts"])] * len(optuna_study.directions))
    return optuna_study


def record(trial: int, seed: int, value: float, error: float) -> dict[str, Any]:
    metrics = {**METRIC_VALUES, "error": error}
    return {
        "trial": trial,
        "seed": seed,
        "experts": 4,
        "value": value,
        "validation": METRIC_VALUES,
        "test": metrics,
        "run_id": f"run-{seed}",
        "model_id": f"m-{seed}",
    }


def test_the_best_come_first_and_each_configuration_once() -> None:
    study = study_of(model={"experts": {"low": 2, "high": 4}})
    summary = summarize(study, optuna_study_of(study, 30), 5)
    assert [best.parameters["model.experts"] for best in summary.best] == [4, 3, 2]
    assert [best.values for best in summary.best] == [{"objective": float(m)} for m in (4, 3, 2)]
    assert summary.best[0].metrics == METRIC_VALUES


def test_every_state_is_counted() -> None:
    study = study_of()
    optuna_study = optuna_study_of(study, 2)
    for state in (TrialState.PRUNED, TrialState.FAIL):
        optuna_study.add_trial(create_trial(state=state))
    optuna_study.enqueue_trial({})
    optuna_study.ask()
    optuna_study.enqueue_trial({})
    assert summarize(study, optuna_study, 5).counts == {
        "complete": 2,
        "pruned": 1,
        "failed": 1,
        "running": 1,
        "waiting": 1,
    }


def test_finalists_and_the_champion() -> None:
    study = study_of()
    optuna_study = optuna_study_of(study, 3)
    records = [record(0, 1, 0.8, 0.2), record(0, 2, 0.6, 0.4), record(2, 1, 0.9, 0.3)]
    optuna_study.set_user_attr("finalists", records)
    optuna_study.set_user_attr("champion", {**records[2], "uri": "models:/s@champion"})
    summary = summarize(study, optuna_study, 5)
    assert [(one.trial, one.seeds, one.champion) for one in summary.finalists] == [
        (2, 1, True),
        (0, 2, False),
    ]
    assert summary.finalists[1].test["error"].mean == pytest.approx(0.3)
    assert summary.champion == "models:/s@champion"


def test_the_margin_is_that_of_the_seeds_that_both_have() -> None:
    study = study_of()
    optuna_study = optuna_study_of(study, 3)
    best = [record(2, seed, 0.9, 0.1) for seed in (3, 1, 2)]
    second = [record(0, seed, 0.8, 0.1 + seed / 100) for seed in (1, 2, 3, 4)]
    optuna_study.set_user_attr("finalists", best + second)
    margin = summarize(study, optuna_study, 5).margin
    assert margin is not None
    assert (margin.name, margin.seeds) == ("trial 0", 3)
    expected = Interval.of([0.01, 0.02, 0.03])
    assert vars(margin.error) == pytest.approx(vars(expected))
    optuna_study.set_user_attr("finalists", best)
    assert summarize(study, optuna_study, 5).margin is None


def test_a_study_without_trials() -> None:
    study = study_of()
    summary = summarize(study, optuna_study_of(study, 0), 5)
    assert (summary.best, summary.finalists, summary.champion, summary.active) == (
        (),
        (),
        None,
        None,
    )


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/St_Johns"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The time zone of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_last_activity_is_local_time_and_names_its_zone(
    zone: str, store: str, tmp_path: Path
) -> None:
    study, storage = study_of(), f"sqlite:///{tmp_path / 'optuna.db'}"
    optuna_study = optuna.create_study(
        direction="maximize", storage=storage if store == "sqlite" else None
    )
    optuna_study.ask()
    summary = summarize(study, optuna_study, 5)
    now = datetime.now(ZoneInfo(zone))
    assert summary.active is not None
    assert summary.active.utcoffset() == now.utcoffset()
    assert abs(now - summary.active) < timedelta(minutes=1)
    told = dict(summary_facts(summary))["last activity"]
    assert told == f"{summary.active:%Y-%m-%d %H:%M:%S} {now.tzname()}"


def test_a_held_study_says_since_when_in_local_time(zone: str, tmp_path: Path) -> None:
    study = Study.model_validate({"name": "s", "data": "digits"}, context={"folder": tmp_path})
    with (
        study_lock(study.name, study.addresses),
        pytest.raises(UserError, match="is held by process") as refused,
        study_lock(study.name, study.addresses),
    ):
        pass
    found = re.search(r" since (\S+ \S+);", str(refused.value))
    assert found is not None
    since, now = datetime.fromisoformat(found[1]), datetime.now(ZoneInfo(zone))
    assert since.utcoffset() == now.utcoffset()
    assert abs(now - since) < timedelta(minutes=1)


def test_json_has_no_number_that_json_lacks() -> None:
    study = study_of()
    optuna_study = optuna_study_of(study, 1)
    optuna_study.set_user_attr("finalists", [record(0, 1, 0.8, 0.2)])  # one seed: no deviation
    text = json.dumps(plain(summarize(study, optuna_study, 5)), allow_nan=False)
    assert json.loads(text)["finalists"][0]["test"]["error"]["deviation"] is None


def test_a_metric_that_came_later_is_unknown_of_an_earlier_study(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = study_of()
    optuna_study = optuna_study_of(study, 1)
    optuna_study.set_user_attr("finalists", [record(0, 1, 0.8, 0.2)])
    later = dataclasses.replace(METRICS["loss"], headline=True)
    monkeypatch.setitem(METRICS, "later", later)
    monkeypatch.setattr("moe_search.report.text.search.HEADLINE", ("accuracy", "later"))
    monkeypatch.setattr("moe_search.report.text.search.OF_EXPERTS", ("later",))
    summary = summarize(study, optuna_study, 5)
    best, finalists = study_tables(summary, None)
    assert best.rows[0][2:4] == ("0.5000", "-")
    assert finalists.rows[0][-1] == "-"
    told = plain(summary)
    assert told["best"][0]["metrics"]["later"] is None
    assert told["finalists"][0]["test"]["later"]["mean"] is None
