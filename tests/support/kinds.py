"""Tests that walk an open set: all members, or those with a plain form in the reference model."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from moe_search.moe.gates.base import Gate
from moe_search.moe.mixtures import Mixtures
from moe_search.spec.kinds.gates import GATES, GateKind

STACKED = [name for name in GATES if issubclass(GATES[name].load_class(Gate, Mixtures), Gate)]
"""Gates beside experts; the others are mixtures of another kind, whose gate and experts are one."""


def stacked(holds: Callable[[GateKind], bool]) -> list[str]:
    """Those of which something holds."""
    return [name for name in STACKED if holds(GATES[name])]


def listed(
    members: Iterable[Any], references: Mapping[str, object], name: Callable[[Any], str] = str
) -> list[Any]:
    """Parameters of a test: every member; one without a reference is skipped, and says so."""
    reason = "tests/support/reference_model.py has no plain form of {}"
    return [
        member
        if name(member) in references
        else pytest.param(member, marks=pytest.mark.skip(reason=reason.format(name(member))))
        for member in members
    ]
