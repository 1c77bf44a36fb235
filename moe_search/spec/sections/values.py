"""What may stand under the keys of several sections."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    StrictInt,
    WithJsonSchema,
)

from moe_search.spec.base import Value
from moe_search.words import show

SWITCH: dict[object, bool] = {"on": True, "yes": True, "off": False, "no": False}


def _switch(value: object) -> bool:
    on = SWITCH.get(value, value) if isinstance(value, str) else value
    if not isinstance(on, bool):
        raise ValueError(f"expected on or off; got {show(value)}")
    return on


Switch = Annotated[
    bool,
    PlainValidator(_switch),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["on", "off"]}]}),
]

Seed = Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]


def _given_path(path: Path) -> Path:
    if re.match(r"~[^/]|.*[\x00-\x1f]", str(path), re.DOTALL):
        raise ValueError(f"{show(str(path))} is not a path; only ~/ stands for a home folder")
    return path


GivenPath = Annotated[Path, AfterValidator(_given_path)]
"""A file or folder; a relative one lies beside study.yaml, and ~/ is the user's own home."""


def _auto_or_count(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096:
        return value
    raise ValueError(f"expected auto or a whole number from 1 to 4096; got {show(value)}")


def _plain_value(value: object) -> Value:
    if isinstance(value, int | float | str):
        return value
    raise ValueError(f"expected a number, a name, true or false; got {show(value)}")


def _seconds(value: object) -> float:
    """Reads seconds, or text such as 90m and 8h."""
    seconds = _amount(value, _DURATION, {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
    if not 0 < seconds < 1e12:
        raise ValueError(f"expected seconds above 0 or text like 90m or 8h; got {show(value)}")
    return seconds


def _bytes(value: object) -> int:
    """Reads bytes, or text such as 500 MB and 1.5 TB."""
    found = _amount(value, _SIZE, {"M": 1e6, "G": 1e9, "T": 1e12})
    if not 1e6 <= found < 1e18:
        raise ValueError(f"expected a size such as 500 MB or 20 GB; got {show(value)}")
    return int(found)


def _amount(value: object, pattern: str, units: Mapping[str, float]) -> float:
    """A number, or text of a number and a unit; 0 of anything else."""
    if isinstance(value, str):
        match = re.fullmatch(pattern, value)
        return float(match[1]) * units[match[2]] if match else 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(min(value, 1e18))  # a larger whole number may be no float
    return 0.0


def _amount_schema(number: dict[str, Any], pattern: str) -> WithJsonSchema:
    text = {"type": "string", "pattern": f"^{pattern}$"}
    return WithJsonSchema({"anyOf": [{"type": "number", **number}, text]})


_SIZE = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([MGT])B"
_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([smhd])"

AutoOrCount = Annotated[
    int | Literal["auto"],
    PlainValidator(_auto_or_count),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]

PointValue = Annotated[
    Value,
    PlainValidator(_plain_value),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "boolean"}]}),
]

Seconds = Annotated[
    float, PlainValidator(_seconds), _amount_schema({"exclusiveMinimum": 0}, _DURATION)
]

Bytes = Annotated[int, PlainValidator(_bytes), _amount_schema({"minimum": 1_000_000}, _SIZE)]
