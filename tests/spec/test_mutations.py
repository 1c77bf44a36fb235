"""Shipped studies, spoilt thousands of times: each is checked, or refused in one line."""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from support.mutations import spoilt
from support.shipped_studies import PAPER, SEARCHES, STUDIES

from moe_search.cli import main
from moe_search.spec import json_schema, load_study
from moe_search.spec.file.content import Content
from moe_search.spec.file.document import as_yaml

SHIPPED = [*SEARCHES, *PAPER]
LONGEST = 2.0  # seconds of the processor, which a busy machine does not make longer
VALIDATOR = Draft202012Validator(json_schema())


@pytest.fixture
def mutations(request: pytest.FixtureRequest) -> int:
    """How many mutations of each shipped study: 10,000 of all, or a share of them."""
    wanted = 10_000 if request.config.getoption("--mutations") == "full" else 80
    return -(-wanted // len(SHIPPED))


@contextmanager
def no_hang() -> Iterator[None]:
    """Ends what takes longer than ``LONGEST``."""

    def hangs(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"took longer than {LONGEST} s")

    before = signal.signal(signal.SIGPROF, hangs)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def refusal(command: str) -> str | None:
    """The one line that refuses study.yaml here; None where it is a study."""
    with no_hang():
        result = CliRunner().invoke(main, [command, "study.yaml"], catch_exceptions=False)
    if result.exit_code == 0:
        return None
    assert (result.exit_code, result.stdout) == (2, "")
    line = result.stderr.removesuffix("\n")
    assert line.startswith("moe-search: study.yaml:")
    assert line.isprintable()
    return line


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: str(path.relative_to(STUDIES)))
def test_a_spoilt_study_is_checked_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: Path, mutations: int
) -> None:
    monkeypatch.chdir(tmp_path)
    # of the data that a study names nothing is asked here
    monkeypatch.setattr("moe_search.report.results.outlook.look", lambda *_: None)
    text, drawn, file = shipped.read_text(), random.Random(shipped.stem), Path("study.yaml")
    for number in range(mutations):
        content = spoilt(text, drawn)
        file.write_bytes(content)
        try:
            if line := refusal("validate"):
                assert refusal("run") == line
            else:
                VALIDATOR.validate(Content.read(file).data)
                study = load_study(file)
                file.write_text(as_yaml(study.model_dump(mode="json")))
                assert load_study(file) == study
            assert list(tmp_path.iterdir()) == [tmp_path / file]
        except BaseException as error:
            error.add_note(f"mutation {number}: {content[:3000]!r}")
            raise
