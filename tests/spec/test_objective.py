"""The objective by the name of one metric, and how many trials a study is to have."""

from typing import Any

import pytest
from pydantic import ValidationError

from moe_search.report.text.asked import nothing_searched, plain_study, study_facts
from moe_search.spec import METRICS, Study


def study_of(**sections: Any) -> Study:
    return Study.model_validate({"name": "s", "data": "digits", **sections})


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.better == "maximize"])
def test_a_metric_alone_is_maximized_by_its_name(name: str) -> None:
    short = study_of(objective={"maximize": name})
    assert short == study_of(objective={"maximize": {name: 1.0}})
    assert f"maximize 1 {name}" in dict(study_facts(short))["objective"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("error", r"error is good where it is small; expected \{error: -1\}"), ("acuracy", "acuracy")],
)
def test_what_cannot_be_meant_is_refused(name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        study_of(objective={"maximize": name})


def test_a_study_that_searches_nothing_says_so_and_has_one_trial() -> None:
    study = study_of(search={"trials": 7})
    assert study.trials == plain_study(study)["trials"] == 1
    assert dict(study_facts(study))["trials"].startswith("1, ")
    assert "model.experts: {low: 2, high: 8}" in nothing_searched(study)


def test_a_target_is_told() -> None:
    study = study_of(search={"target": {"accuracy": 0.97, "loss": 0.1}})
    assert dict(study_facts(study))["target"] == (
        "accuracy at least 0.97, loss at most 0.1; the first trial that has it ends the search"
    )
    assert plain_study(study)["target"] == {"accuracy": 0.97, "loss": 0.1}
    assert "target" not in dict(study_facts(study_of()))


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ({"sampler": "bohb"}, "sampler bohb (tpe with hyperband), pruner hyperband"),
        ({"sampler": "gp", "pruner": "asha"}, "sampler gp, pruner asha (successive_halving)"),
    ],
)
def test_what_a_name_stands_for_is_told(search: dict[str, str], told: str) -> None:
    assert dict(study_facts(study_of(search=search)))["trials"].endswith(told)


@pytest.mark.parametrize(
    ("sections", "trials"),
    [
        ({"model": {"experts": {"low": 2, "high": 4}}}, 7),
        ({"configurations": {"a": {}, "b": {"seeds": 3}}}, 4),
    ],
)
def test_others_have_their_trials_and_nothing_to_say(sections: Any, trials: int) -> None:
    study = study_of(search={"trials": 7}, **sections)
    assert study.trials == trials
    assert nothing_searched(study) == ""


def test_what_begins_a_search_and_who_races_are_told() -> None:
    study = study_of(
        model={"experts": {"low": 2, "high": 8}},
        search={"race": 4, "from": ["postgresql://me:secret@host/db#first", "old.yaml"]},
        finalists={"budget": 7},
    )
    facts = dict(study_facts(study))
    assert facts["race"].endswith("further seeds, up to 4 each")
    assert "old.yaml" in facts["from"]
    assert "secret" not in facts["from"]
    plain = plain_study(study)
    assert (plain["race"], plain["finalists"]["budget"]) == (4, 7)
    assert len(plain["from"]) == 2
    assert "secret" not in str(plain)
    alone = dict(study_facts(study_of(search={"race": "off"})))
    assert not {"race", "from"} & alone.keys()
