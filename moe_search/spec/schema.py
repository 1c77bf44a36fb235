"""The JSON Schema of study.yaml, for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from moe_search.spec.study import Study


def json_schema() -> dict[str, Any]:
    """Describes every section and key of study.yaml (JSON Schema, draft 2020-12)."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **Study.model_json_schema(),
        "title": "A study of moe-search",
    }
