"""What a study leaves in Optuna: read as it was written, and with what older ones lack."""

import json
import math
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial

from moe_search.search.ledger import (
    ChampionRecord,
    FinalistRecord,
    StudyRecord,
    TrialRecord,
    set_constraints,
)
from moe_search.spec import METRICS, Configuration

OLDER = {name: 0.25 for name in METRICS if name != "max_expert_share"}
"""Metrics of a study that was run before ``max_expert_share`` was known."""

FINALIST = FinalistRecord(
    trial=3,
    seed=1_000_000,
    experts=4,
    value=0.5,
    validation=dict.fromkeys(METRICS, 0.5),
    test=dict.fromkeys(METRICS, 0.75),
    run_id="run",
    model_id="m-1",
)


def optuna_study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def told(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial:
    study.tell(trial, 1.0)
    return study.trials[trial.number]


def test_a_trial_is_read_as_it_was_written() -> None:
    study = optuna_study()
    trial = study.ask()
    metrics = {name: n / 7 for n, name in enumerate(METRICS)}
    record = TrialRecord(
        configuration=Configuration(),
        seed=0,
        retry_of=0,
        deaths=1,
        metrics=metrics,
        test={name: value / 2 for name, value in metrics.items()},
        training_error=0.125,
        seconds=1.5,
        run_id="run",
        model="models:/m-0",
        reason="why",
    )
    record.write(trial)
    assert TrialRecord.of(trial) == record
    assert TrialRecord.of(told(study, trial)) == record


def test_the_names_of_attributes_are_those_of_studies_begun_before() -> None:
    """Whoever changes one cannot read what there is."""
    record = TrialRecord(
        configuration=Configuration(),
        seed=0,
        retry_of=0,
        deaths=1,
        metrics={"accuracy": 0.5},
        test={"accuracy": 0.25},
        training_error=0.125,
        seconds=1.5,
        run_id="run",
        model="models:/m-0",
        reason="why",
    )
    assert record.attributes() == {
        "configuration": Configuration().model_dump_json(),
        "seed": 0,
        "retry_of": 0,
        "deaths": 1,
        "accuracy": 0.5,
        "test/accuracy": 0.25,
        "training_error": 0.125,
        "seconds": 1.5,
        "mlflow_run": "run",
        "model": "models:/m-0",
        "reason": "why",
    }
    study = optuna_study()
    champion = ChampionRecord(**vars(FINALIST), uri="models:/s@champion")
    StudyRecord(
        space={"model.experts": 4},
        made_with={"torch": "2"},
        seconds=1.0,
        finalists=(FINALIST,),
        champion=champion,
    ).write(study)
    plain = {
        "trial": 3,
        "seed": 1_000_000,
        "experts": 4,
        "value": 0.5,
        "validation": dict.fromkeys(METRICS, 0.5),
        "test": dict.fromkeys(METRICS, 0.75),
        "run_id": "run",
        "model_id": "m-1",
    }
    assert hidden(study) == {
        "space": {"model.experts": 4},
        "made_with": {"torch": "2"},
        "seconds": 1.0,
        "finalists": [plain],
        "champion": {**plain, "uri": "models:/s@champion"},
    }
    assert StudyRecord.of(study).champion == champion


@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 2500])
def test_no_attribute_is_longer_than_mysql_holds(count: int) -> None:
    study = optuna_study()
    finalists = tuple(replace(FINALIST, seed=1_000_000 + n) for n in range(count // 20))
    believed = {n: (n / 3, n / 7) for n in range(count)}
    StudyRecord(finalists=finalists[:-1], believed={}).write(study)
    StudyRecord(finalists=finalists, believed=believed).write(study)
    found = StudyRecord.of(study)
    assert (found.finalists, found.believed) == (finalists, believed)
    assert all(len(json.dumps(value)) < 65_535 for value in hidden(study).values())


def hidden(study: optuna.Study) -> dict[str, Any]:
    """What the program wrote, where no dashboard shows it."""
    attributes = study._storage.get_study_system_attrs(study._study_id)
    names = [name for name in attributes if name.startswith("moe_search:")]
    return {name.removeprefix("moe_search:"): attributes[name] for name in names}


def test_what_an_earlier_version_wrote_is_read_until_it_is_written_anew() -> None:
    study = optuna_study()
    study.set_user_attr("seconds", 5.0)
    study.set_user_attr("made_with", {"torch": "1"})
    StudyRecord(seconds=7.0).write(study)
    record = StudyRecord.of(study)
    assert (record.seconds, record.made_with) == (7.0, {"torch": "1"})


def test_what_is_not_known_is_not_written() -> None:
    trial = optuna_study().ask()
    TrialRecord(seed=0).write(trial)
    assert trial.user_attrs == {"seed": 0}
    study = optuna_study()
    StudyRecord(seconds=2.0).write(study)
    StudyRecord(made_with={"torch": "2"}).write(study)
    assert hidden(study) == {"seconds": 2.0, "made_with": {"torch": "2"}}
    assert study.user_attrs == {}, "a dashboard shows these to people"


def test_nothing_is_known_of_what_has_just_begun() -> None:
    study = optuna_study()
    assert StudyRecord.of(study) == StudyRecord()
    record = TrialRecord.of(study.ask())
    assert (record.configuration, record.seed, record.retry_of, record.deaths) == (None,) * 3 + (0,)
    assert math.isnan(record.metrics["accuracy"])


@pytest.mark.parametrize("prefix", ["", "test/"])
def test_a_metric_that_an_older_trial_lacks_is_nan(prefix: str) -> None:
    trial = optuna_study().ask()
    for name, value in OLDER.items():
        trial.set_user_attr(prefix + name, value)
    record = TrialRecord.of(trial)
    metrics = record.test if prefix else record.metrics
    assert {name: metrics[name] for name in OLDER} == OLDER
    assert math.isnan(metrics["max_expert_share"])
    assert prefix + "max_expert_share" not in record.attributes()


def test_a_finalist_of_an_older_study_lacks_a_metric_and_stays_as_it_was() -> None:
    study = optuna_study()
    older: dict[str, Any] = {**FINALIST.plain(), "validation": OLDER, "test": OLDER}
    study.set_user_attr("finalists", [older])
    (record,) = StudyRecord.of(study).finalists
    assert math.isnan(record.test["max_expert_share"])
    assert record.test["accuracy"] == 0.25
    assert record.plain() == older


def test_a_finalist_may_hold_what_a_later_version_wrote() -> None:
    assert FinalistRecord.of({**FINALIST.plain(), "later": 1}) == FINALIST


def test_configurations_that_differ_in_writing_alone_are_equal() -> None:
    """One of a study that was begun before a hyperparameter existed names fewer of them."""
    trial = optuna_study().ask()
    trial.set_user_attr("configuration", '{"model": {"experts": 5}}')
    assert TrialRecord.of(trial).configuration == Configuration()


def test_constraints_are_what_optuna_and_its_dashboard_read() -> None:
    from optuna_dashboard._serializer import serialize_frozen_trial

    study = optuna_study()
    trial = study.ask()
    set_constraints(trial, [0.25, -1.0])
    frozen = told(study, trial)
    assert list(frozen.constraints.values()) == [0.25, -1.0]
    assert serialize_frozen_trial(0, frozen, {})["constraints"] == [0.25, -1.0]
    with pytest.raises(ValueError, match="feasible"):
        _ = study.best_trial
