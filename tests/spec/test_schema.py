"""The JSON Schema that editors read."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from support.shipped_studies import PAPER, SEARCHES, STUDIES

from moe_search.spec import Study, json_schema


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_committed_schema_is_the_current_one() -> None:
    committed = json.loads((STUDIES / "study.schema.json").read_text())
    anew = "write it anew: moe-search schema > studies/study.schema.json"
    assert committed == json_schema(), anew


@pytest.mark.parametrize("path", [*SEARCHES, *PAPER], ids=lambda path: path.stem)
def test_shipped_studies_are_valid(path: Path, validator: Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"data": {"name": "arrays", "path": "x.npz", "validation": 100, "augment": "off"}},
        {"model": {"experts": 3, "temperature": 2, "backbone": "mlp"}},
        {"model": {"backbone": {"choices": ["mlp", "auto"]}, "experts": {"choices": [2, 4]}}},
        {"model": {"backbone": {"expert": [{"conv": 3}, "relu"], "gate": [{"linear": 4}]}}},
        {"objective": {"pareto": ["accuracy", "sample_entropy"]}},
        {"objective": {"constraints": {"max_expert_share": {"at_most": 0.6}}}},
        {"search": {"collapse": False, "timeout": "90m", "workers": 2, "pruner": "none"}},
        {"search": {"collapse": "off", "points": [{"model.experts": 3, "model.gate": "original"}]}},
        {"search": {"executor": "local", "device": "cpu"}},
        {"search": {"executor": {"ray": {"address": "local", "gpus_per_worker": 0.5}}}},
        {"storage": {"optuna": "postgresql+psycopg://host/name", "mlflow": "https://host"}},
    ],
)
def test_right_studies_pass(sections: dict[str, Any], validator: Draft202012Validator) -> None:
    validator.validate({"name": "a", "data": "mnist", **sections})


@pytest.mark.parametrize(
    "sections",
    [
        {"name": "A B"},
        {"data": "mnst"},
        {"data": {"name": "mnist", "validation": 1.5}},
        {"modle": {}},
        {"model": {"expert": 3}},
        {"model": {"experts": "five"}},
        {"model": {"experts": 0}},
        {"model": {"experts": {"low": 0, "high": 3}}},
        {"model": {"experts": {"low": 2}}},
        {"model": {"gate": {"choices": ["atentive"]}}},
        {"model": {"gate": {"choices": []}}},
        {"model": {"backbone": 3}},
        {"model": {"backbone": {"expert": [{"cnv": 3}], "gate": ["relu"]}}},
        {"objective": {"maximize": {"acuracy": 1}}},
        {"objective": {"pareto": ["accuracy"]}},
        {"search": {"workers": 0}},
        {"search": {"timeout": "soon"}},
        {"search": {"executor": "ray"}},
        {"search": {"executor": {"ray": {"address": "192.0.2.1:6379"}}}},
        {"search": {"executor": {"ray": {"gpus_per_worker": 2}}}},
        {"storage": {"optuna": "http://host"}},
        {"configurations": {"a": {"regularizer": {"weight": False}}}},
        {"configurations": {"a": {"model": {"experts": "5"}}}},
    ],
)
def test_wrong_studies_fail(sections: dict[str, Any], validator: Draft202012Validator) -> None:
    study = {"name": "a", "data": "mnist", **sections}
    assert not validator.is_valid(study)
    with pytest.raises(ValidationError):
        Study.model_validate(study)


def test_every_key_is_described() -> None:
    schema = json_schema()
    for title, section in {"study.yaml": schema, **schema["$defs"]}.items():
        for name, entry in section["properties"].items():
            named = entry.get("description") or "$ref" in entry or name in ("low", "high")
            assert named or title in ("Bound", "Conv"), f"{title}.{name}"
