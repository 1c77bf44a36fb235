"""Words for values and near misses in messages."""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from moe_search.credentials import without_credentials

GOES_ON = "once it is mended, the same command goes on"
"""Of what fails on the way and is no mistake of the user's."""


def did_you_mean(got: object, names: Iterable[str]) -> str:
    """Suggests the name that was nearly met, and ends what was said before in any case."""
    near = difflib.get_close_matches(str(got)[:100], list(names), n=1)
    return f"; did you mean '{near[0]}'?" if near else ";"


def one_line(message: str) -> str:
    """Replaces whatever would break or hide a line."""
    return "".join(letter if letter.isprintable() else " " for letter in message)


def dotted(keys: Iterable[str | int]) -> str:
    """Writes keys as ``search.points[0].model``, each of a bearable length."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{_short(key)}" for key in keys)
    return path.removeprefix(".")


def show(value: object) -> str:
    """Writes a value on one short line as a person would in YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, Mapping | list | tuple):
        text = json.dumps(_plain(value), ensure_ascii=False).replace('"', "")
    else:
        text = str(value).lower()
    return _short(text)


def _short(text: str) -> str:
    """Shortens text, but not to a URL whose password no longer looks like one."""
    told = without_credentials(text)
    return told if len(told) <= 60 else f"{told[:57]}..."


def _plain(value: Any) -> Any:
    """Turns models and tuples inside a value into mappings and lists that JSON knows."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, int | float | str | None) else str(value)


def duration(seconds: float) -> str:
    """Seconds as ``42 s``, ``3:07`` minutes or ``2:03:07`` hours."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"


def size(count: float) -> str:
    """Bytes as ``512 bytes``, ``47 MB`` or ``1.5 GB``."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            return f"{count / 10**power:.3g} {unit}"
    return f"{count:.0f} bytes"
