"""What a program gets from ``import moe_search``, and what it is shown while a study runs."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.console import Console

import moe_search
from moe_search.errors import UserError
from moe_search.spec import Study


def test_the_public_names_are_these() -> None:
    assert dir(moe_search) == ["Study", "UserError", "load_model", "run"]
    assert moe_search.Study is Study
    assert moe_search.UserError is UserError
    with pytest.raises(AttributeError, match="module 'moe_search' has no attribute 'stdy'"):
        moe_search.stdy  # type: ignore[attr-defined] # noqa: B018


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each run was shown; nothing is run."""
    found: list[bool] = []

    @contextmanager
    def progress(console: Console) -> Iterator[Any]:
        found.append(not console.quiet)
        yield None

    monkeypatch.setattr("moe_search.cli.terminal.progress", progress)
    monkeypatch.setattr("moe_search.report.publish.run_and_publish", lambda study, *_: study)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # rich asks them
        monkeypatch.delenv(variable, raising=False)
    return found


STUDY = {"name": "a", "data": "digits"}


def test_a_run_is_shown_where_somebody_watches(
    shown: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    moe_search.run(STUDY)
    monkeypatch.setattr("sys.stderr", Terminal())
    moe_search.run(STUDY)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    moe_search.run(STUDY)
    assert shown == [False, True, True]


def test_a_run_is_shown_or_not_as_it_is_asked(
    shown: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    moe_search.run(STUDY, progress=True)
    monkeypatch.setattr("sys.stderr", Terminal())
    moe_search.run(STUDY, progress=False)
    assert shown == [True, False]


def test_a_checked_study_runs_as_it_is(shown: list[bool]) -> None:
    study = Study.model_validate(STUDY)
    assert moe_search.run(study) is study  # type: ignore[comparison-overlap]
    with pytest.raises(UserError, match=r"^overrides training\.epochs=3: change a path or content"):
        moe_search.run(study, ["training.epochs=3"])
