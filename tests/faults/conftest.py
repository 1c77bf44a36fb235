"""Coordinators to be killed, shared by all tests of faults."""

from collections.abc import Iterator

import pytest
from support.killed_coordinators import Coordinators, with_replicates


@pytest.fixture(scope="session")
def coordinators() -> Iterator[Coordinators]:
    """Starting them takes seconds once."""
    with Coordinators() as started:
        yield started


@pytest.fixture(autouse=True)
def racing() -> Iterator[None]:
    """The runs that go on have replicates, too."""
    with with_replicates():
        yield
