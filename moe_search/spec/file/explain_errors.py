"""Puts pydantic's errors into one line of plain words about what the user wrote."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from moe_search.errors import UserError
from moe_search.spec.file.content import Content
from moe_search.spec.file.document import Keys
from moe_search.spec.schema import json_schema
from moe_search.words import did_you_mean, dotted, one_line, show

Schema = dict[str, Any]


def explain(error: ValidationError, content: Content) -> UserError:
    """Says what is wrong first in the file, and how much more is.

    What is missing comes last: it is nowhere in the file, and often only misspelt.
    """
    schema = json_schema()
    faults = []
    for details in filter(_is_real, error.errors()):
        keys, place = content.locate(details["loc"])
        words = _words(details, keys, schema)
        faults.append((details["type"] == "missing", place, dotted(keys), words))
    _, place, path, words = min(faults)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return UserError(one_line(f"{content.prefix(place)}{path}: {words}{more}"))


def _is_real(details: ErrorDetails) -> bool:
    """Tells whether a list is short by itself, not for the wrong entries pydantic left out."""
    return details["type"] != "too_short" or len(details["input"]) < details["ctx"]["min_length"]


def _words(details: ErrorDetails, keys: Keys, schema: Schema) -> str:
    kind, got, context = details["type"], details["input"], details.get("ctx", {})
    match kind:
        case "mistake":
            words = details["msg"]
        case "value_error":
            words = str(context["error"])
        case "string_type" if isinstance(got, int | float):
            words = f"expected text; put {show(got)} in quotes"
        case "extra_forbidden":
            allowed = _allowed_keys(keys[:-1], schema)
            words = f"unknown key{did_you_mean(keys[-1], allowed)} allowed: {', '.join(allowed)}"
        case "missing":
            words = f"is missing; expected {_expected(keys, schema)}"
        case "literal_error" if isinstance(got, str):
            allowed = re.findall("'([^']*)'", context["expected"])
            words = f"{show(got)} is unknown{did_you_mean(got, allowed)} "
            words += f"allowed: {', '.join(allowed)}"
        case _ if kind in _LIMITS:
            name, limit = _LIMITS[kind]
            words = f"{limit.format(str(context[name]).removesuffix('.0'))}; got {show(got)}"
        case _:
            words = f"expected {_expected(keys, schema)}; got {show(got)}"
    return words


_LIMITS = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "greater_than": ("gt", "must be above {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "less_than": ("lt", "must be below {}"),
    "too_short": ("min_length", "needs {} or more entries"),
}


def _allowed_keys(keys: Keys, schema: Schema) -> list[str]:
    return list(dict.fromkeys(k for s in _schemas(keys, schema) for k in s.get("properties", ())))


def _expected(keys: Keys, schema: Schema) -> str:
    """Describes what may stand under the keys."""
    described = list(dict.fromkeys(filter(None, map(_described, _schemas(keys, schema)))))
    return " or ".join(filter(None, (", ".join(described[:-1]), *described[-1:])))


def _described(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        names = schema.get("enum", [schema.get("const")])
        return ", ".join(n if isinstance(n, str) else show(n) for n in names)
    if schema.get("type") == "object":
        return _described_keys(schema)
    return _TYPES.get(schema["type"], "")


def _described_keys(schema: Schema) -> str:
    properties = schema.get("properties", {})
    lists = {name for name, inner in properties.items() if inner.get("type") == "array"}
    names = schema.get("required") or list(properties)
    keys = ", ".join(f"{name}: [...]" if name in lists else name for name in names)
    title = schema.get("title", "")
    return f"{title} {{{keys}}}" if title.islower() else f"{{{keys}}}"


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
}


def _schemas(keys: Keys, root: Schema) -> list[Schema]:
    """The alternatives of what may stand under the keys, as schemas without references."""
    schemas = [root]
    for key in keys:
        below = [inner for schema in schemas for inner in _below(schema, key)]
        schemas = [plain for inner in below for plain in _alternatives(inner, root)]
    return schemas


def _below(schema: Schema, key: str | int) -> Iterator[Schema]:
    if key in schema.get("properties", {}):
        yield schema["properties"][key]
    elif isinstance(key, int) and "items" in schema:
        yield schema["items"]
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def _alternatives(schema: Schema, root: Schema) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    elif "oneOf" in schema or "anyOf" in schema:
        for alternative in schema.get("oneOf") or schema["anyOf"]:
            yield from _alternatives(alternative, root)
    else:
        yield schema
