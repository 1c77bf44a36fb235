"""A running study as it is shown: lines in a log, a bar with trials above it on a terminal."""

import io

import pytest
from rich.console import Console

from moe_search.cli.terminal import line, progress
from moe_search.progress import Note, Working, counted
from moe_search.search.events import (
    EpochEnded,
    Event,
    FinalistEnded,
    FinalistsStarted,
    Started,
    TrialEnded,
)
from moe_search.words import duration

EVENTS: list[Event] = [
    Working("opening the stores"),
    Started("s", wanted=8, counted=2, best=0.5, workers=2, population=4),
    Note("something to know"),
    EpochEnded(2, 0, 1, 6, "accuracy 0.7"),
    TrialEnded(2, "complete", "accuracy 0.9", {"objective": 0.9}, counted=3, failures=0, best=0.9),
    TrialEnded(3, "failed", "loss is [inf]", {}, counted=3, failures=1, best=0.9),
    FinalistsStarted(2),
    FinalistEnded(2, 1000, "accuracy 0.8"),
    FinalistsStarted(1, on_all=True),
    FinalistEnded(2, 1000, "accuracy 0.9", on_all=True),
]


def shown(*, terminal: bool, quiet: bool = False, verbose: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, quiet=quiet, width=100)
    with progress(console, verbose) as listener:
        for event in EVENTS:
            listener(event)
    return file.getvalue()


def test_a_log_has_a_line_for_each_event() -> None:
    assert shown(terminal=False).splitlines() == [
        "s: 8 trials, 2 done before; 2 workers with up to 4 models in step",
        "something to know",
        "[3/8] trial 2  complete  0.9000  accuracy 0.9  best 0.9000",
        "[3/8] trial 3  failed  loss is [inf]  best 0.9000",
        "finalists: 2 models, trained from fresh seeds",
        "finalist of trial 2, seed 1000, on test: accuracy 0.8",
        "retraining: 1 models, on training and validation data",
        "retrained model of trial 2, seed 1000, on test: accuracy 0.9",
    ]


def test_a_terminal_has_a_bar_and_the_last_trials() -> None:
    text = shown(terminal=True)
    assert "trial 2  complete  0.9000  accuracy 0.9" in text
    assert "loss is [inf]" in text
    assert "2/8  best 0.5000" in text
    assert "3/8  best 0.9000  1 failed" in text
    assert "trials/min" in text
    assert "left" in text
    assert "finalists" in text
    assert "1/2" in text
    assert "epoch" not in text


def test_what_is_under_way_is_counted_before_anything_ends() -> None:
    file = io.StringIO()
    with progress(Console(file=file, force_terminal=True, width=100)) as listener:
        listener(Started("s", wanted=8, counted=0, best=None, workers=1, population=4))
        for event in (
            EpochEnded(0, 0, 1, 6, ""),
            EpochEnded(1, 0, 2, 6, ""),
            EpochEnded(0, 0, 2, 6, ""),
        ):
            listener(event)
        last = EpochEnded(2, 0, 1, 6, "")
        listener(last)
        listener(TrialEnded(0, "failed", "", {}, counted=0, failures=1, best=None))
    text = file.getvalue()
    assert "0/8  2 under way, 3 of 12 epochs  1 failed" in text
    assert "epoch 2" not in text


def test_a_log_says_what_is_under_way_where_nothing_ends_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("moe_search.cli.terminal.time.monotonic", lambda: now)
    file = io.StringIO()
    with progress(Console(file=file, width=100)) as listener:
        for epoch, now in enumerate((10.0, 59.0, 61.0, 100.0, 122.0), start=1):  # noqa: B007
            listener(EpochEnded(0, 0, epoch, 6, ""))
    assert file.getvalue().splitlines() == [
        "1 under way, 3 of 6 epochs",
        "1 under way, 5 of 6 epochs",
    ]


def test_several_objectives_have_their_names() -> None:
    values = {"accuracy": 0.9, "sample_entropy": 0.25}
    ended = TrialEnded(7, "complete", "", values, counted=1, failures=0, best=None)
    assert line(ended) == "trial 7  complete  accuracy 0.9000, sample_entropy 0.2500"


@pytest.mark.parametrize("terminal", [True, False])
def test_verbose_tells_every_epoch(terminal: bool) -> None:
    text = shown(terminal=terminal, verbose=True)
    assert "trial 2  seed 0  epoch 1  accuracy 0.7" in text


def test_a_terminal_shows_what_takes_a_while_and_how_far_it_is() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with progress(console) as listener:
        listener(Working("loading [the] model"))
        assert "loading [the] model" in file.getvalue()
        for _ in counted(["a.png", "b.png", "c.png"], "reading files", listener):
            pass
    text = file.getvalue()
    assert "reading files" in text
    assert "0/3" in text
    assert text.rindex("2/3") < text.rindex("\x1b[2K")  # the line is erased at the end


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_is_quiet_and_leaves_stdout_alone(
    terminal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress(Console(force_terminal=terminal, quiet=True)):
        print("the user's own line")
    assert capsys.readouterr().out == "the user's own line\n"
    assert shown(terminal=terminal, quiet=True) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(41.7, "42 s"), (187, "3:07 min"), (7387, "2:03:07 hours")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds).startswith(text.removesuffix(" hours"))
