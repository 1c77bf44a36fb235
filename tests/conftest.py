"""What tests of all rooms share: the rule for what a machine may lack, and where MNIST lies."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Needs = Callable[[str, bool], None]


@pytest.fixture(scope="session")
def needs() -> Needs:
    """``needs("chromium", found)``: skip where it is lacking, but fail in CI (CI=true)."""

    def check(what: str, present: bool) -> None:
        if present:
            return
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {what}, and in CI nothing is skipped")
        pytest.skip(f"needs {what}")

    return check


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder that $MOE_SEARCH_DATA names; one that does not exist where it names none."""
    return Path(os.environ.get("MOE_SEARCH_DATA") or "/nonexistent").absolute()


@pytest.fixture(scope="session")
def mnist_root(data_root: Path, needs: Needs) -> Path:
    """A folder with MNIST/raw below it."""
    needs("MNIST/raw below $MOE_SEARCH_DATA", (data_root / "MNIST" / "raw").is_dir())
    return data_root
