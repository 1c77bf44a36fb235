"""How MLflow's page of a study opens; ``browser`` tests have the page itself."""

import json
from pathlib import Path
from typing import Any

from support.study_runs import study_in

from moe_search.tracking.study_page import trials_view


def view(folder: Path, **sections: Any) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(trials_view(study_in(folder, **sections)))
    return opened


def test_a_search_shows_what_is_searched_the_best_first(tmp_path: Path) -> None:
    experts = {"low": 2, "high": 5}
    opened = view(tmp_path, model={"experts": experts}, objective={"maximize": {"accuracy": 1}})
    assert (opened["orderByKey"], opened["orderByAsc"]) == ("metrics.`value`", False)
    assert {"metrics.`objective`", "metrics.`H_s`", "params.`model.experts`"} < {
        *opened["selectedColumns"]
    }


def test_a_study_of_an_earlier_version_goes_on_with_the_names_that_its_runs_have(
    tmp_path: Path,
) -> None:
    study = study_in(tmp_path)
    earlier = json.dumps({"selectedColumns": ["metrics.`validation/accuracy`"]})
    columns = json.loads(trials_view(study, earlier))["selectedColumns"]
    assert {"metrics.`value`", "metrics.`validation/sample_entropy`"} < {*columns}
    assert "metrics.`H_s`" not in columns
    assert trials_view(study, trials_view(study)) == trials_view(study)


def groups(opened: dict[str, Any]) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = opened["groupBy"]["groupByKeys"]
    return keys


def test_a_search_groups_by_its_first_choice(tmp_path: Path) -> None:
    model = {"experts": {"low": 2, "high": 5}, "gate": {"choices": ["original", "attentive"]}}
    opened = view(tmp_path, model=model, regularizer={"kind": {"choices": ["none", "importance"]}})
    assert groups(opened) == [{"mode": "param", "groupByData": "model.gate"}]


def test_a_search_without_choices_has_no_groups(tmp_path: Path) -> None:
    opened = view(
        tmp_path,
        model={"experts": {"low": 2, "high": 5}, "gate": "original"},
        regularizer={"kind": "importance"},
    )
    assert opened["groupBy"] is None


def test_a_front_is_sorted_by_its_first_metric(tmp_path: Path) -> None:
    opened = view(tmp_path, objective={"pareto": ["sample_entropy", "accuracy"]})
    assert (opened["orderByKey"], opened["orderByAsc"]) == ("metrics.`value/sample_entropy`", True)
    assert "metrics.`value/accuracy`" in opened["selectedColumns"]


def test_a_comparison_shows_the_test_split_and_what_rows_change(tmp_path: Path) -> None:
    rows = {"original": {}, "attentive": {"model": {"gate": "attentive"}}}
    opened = view(tmp_path, model={"temperature": 1.0}, configurations=rows)
    columns = opened["selectedColumns"]
    assert {"metrics.`accuracy`", "params.`model.gate`"} < {*columns}
    assert not any("validation" in column for column in columns)
    assert groups(opened) == [{"mode": "tag", "groupByData": "moe_search.configuration"}]
