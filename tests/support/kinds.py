"""Tests that walk an open set against references, which a new member need not have."""

from collections.abc import Iterable, Mapping

import pytest


def listed(names: Iterable[str], references: Mapping[str, object]) -> list[object]:
    """Parameters of a test: every name; one without a reference is skipped, and says so."""
    reason = "tests/support/reference_model.py has no plain form of {}; its own tests are to do"
    return [
        name
        if name in references
        else pytest.param(name, marks=pytest.mark.skip(reason=reason.format(name)))
        for name in names
    ]
