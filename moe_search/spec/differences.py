"""A study's space as flat JSON, and how two of them differ in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from moe_search.words import show

_WHOLE = ({"low", "high"}, {"choices"}, {"expert", "gate"})
"""Keys of the mappings that are one value: ranges, choices, backbones."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values inside nested mappings with their dotted paths."""
    if isinstance(value, Mapping) and not any(keys <= value.keys() for keys in _WHOLE):
        for key, entry in value.items():
            yield from leaves(entry, f"{path}.{key}" if path else key)
    else:
        yield path, value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Says what changed between two results of ``Study.space``, one line a change."""
    return [
        f"{path}: was {_described(old, path)}, is now {_described(new, path)}"
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def _described(space: Mapping[str, Any], path: str) -> str:
    value = space.get(path)
    return "not set" if value is None else describe_domain(value)


def describe_domain(value: Any) -> str:
    """Writes a dumped domain or value as ``2..16``, ``0.3..3.0 log`` or ``a | b``."""
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else show(value)
    if "choices" in value:
        return " | ".join(map(describe_domain, value["choices"]))
    if "low" not in value:
        return show(value)
    stepped = value["step"] not in (None, 1)
    step = f" step {value['step']}" if stepped else ""
    return f"{value['low']}..{value['high']}{step}{' log' if value['log'] else ''}"
