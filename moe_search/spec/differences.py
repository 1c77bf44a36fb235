"""A study's space as flat JSON, and how two of them differ in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from moe_search.spec.configuration import Configuration
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


def changes(
    begun: Mapping[str, Any], now: Mapping[str, Any], usual: Mapping[str, Any]
) -> list[str]:
    """Says what changed since a study was begun, one line a change.

    What its space does not name did not exist yet, and was as it is by default; but for the
    objective, which names what it is made of.

    Args:
        begun: the space it was begun with.
        now: its space now.
        usual: the space of a study that leaves everything at its default.
    """
    sections = tuple(f"{section}." for section in Configuration.model_fields)
    hyperparameters = {path: v for path, v in usual.items() if path.startswith(sections)}
    defaults = {path: value for path, value in usual.items() if not path.startswith("objective.")}
    for row in begun["configurations"]:
        defaults |= {_in_row(row, path): value for path, value in hyperparameters.items()}
    before = {path: value for path, value in defaults.items() if path in now} | dict(begun)
    changed_rows = set(before["configurations"]) ^ set(now["configurations"])
    inside = tuple(_in_row(row, "") for row in changed_rows)  # told once, by their names
    old, new = (
        {path: value for path, value in space.items() if not path.startswith(inside)}
        for space in (before, now)
    )
    return differences(old, new)


def _in_row(row: str, path: str) -> str:
    return f"configurations.{row}.{path}"


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
