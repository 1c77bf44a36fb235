"""Progress of what takes a while: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from moe_search.progress import Note, Working
from moe_search.search.events import (
    EpochEnded,
    Event,
    FinalistEnded,
    FinalistsStarted,
    Listener,
    Started,
    TrialEnded,
)
from moe_search.words import duration

_FINALS = {False: "finalists", True: "retraining"}
_SILENCE = 60.0  # seconds after which a log says that something goes on


@contextmanager
def progress(console: Console, verbose: bool = False) -> Iterator[Listener]:
    """A listener that shows what it is told on a console for as long as the context lasts.

    Args:
        console: what is shown on it is gone from a terminal afterwards, but for lines.
        verbose: whether every epoch has a line.
    """
    if console.quiet or not console.is_terminal:
        yield _Lines(console, verbose)
        return
    bar = Progress(
        SpinnerColumn(),  # of what is slow to count, too, one sees that it works
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[facts]}", markup=False),
        console=console,
        refresh_per_second=5,
        transient=True,
    )
    with bar:
        yield _Bar(bar, verbose)


class _Pace:
    """Counts what was done and says how long the rest takes at that rate."""

    def __init__(self, wanted: int, done: int) -> None:
        self._wanted = wanted
        self._first = done
        self._began = time.monotonic()

    def text(self, done: int, what: str) -> str:
        new = done - self._first
        if new <= 0:
            return ""
        each = (time.monotonic() - self._began) / new
        left = max(self._wanted - done, 0) * each
        return f"{60 / each:.1f} {what}/min  {duration(left)} left"


class _UnderWay:
    """What is being trained now, and for how many epochs it has been."""

    def __init__(self) -> None:
        self._epochs: dict[tuple[int, int], tuple[int, int]] = {}

    def follow(self, event: Event) -> None:
        """Note an epoch, or an end."""
        match event:
            case EpochEnded():
                self._epochs[event.trial, event.seed] = event.epoch, event.epochs
            case FinalistEnded():
                self._epochs.pop((event.trial, event.seed), None)
            case TrialEnded():
                for key in [key for key in self._epochs if key[0] == event.number]:
                    del self._epochs[key]
            case FinalistsStarted():
                self._epochs.clear()

    def text(self) -> str:
        """How many models, and how far they are together; empty where there are none."""
        if not self._epochs:
            return ""
        done, wanted = (sum(column) for column in zip(*self._epochs.values(), strict=True))
        return f"{len(self._epochs)} under way, {done} of {wanted} epochs"


class _Lines:
    """Prints one line an event; a trial's says how far the search is.

    Work in progress is not printed: in a log it would be noise. Where nothing has ended for a
    minute, a line says what is under way.
    """

    def __init__(self, console: Console, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._wanted = 0
        self._under_way = _UnderWay()
        self._told = time.monotonic()

    def __call__(self, event: Event) -> None:
        self._under_way.follow(event)
        text = line(event)
        match event:
            case Working():
                return
            case EpochEnded() if not self._verbose:
                if time.monotonic() < self._told + _SILENCE:
                    return
                text = self._under_way.text()
            case Started():
                self._wanted = event.wanted
            case TrialEnded():
                text = f"[{event.counted}/{self._wanted}] {_join(text, _best(event.best))}"
        self._told = time.monotonic()
        self._console.print(Text(text), soft_wrap=True)


class _Bar:
    """Draws a bar at the bottom of the terminal; trials scroll by above it."""

    def __init__(self, bar: Progress, verbose: bool) -> None:
        self._bar = bar
        self._verbose = verbose
        self._under_way = _UnderWay()
        self._done = 0
        self._facts: tuple[str, ...] = ()
        self._task: TaskID | None = None
        self._what = ""
        self._wanted = 0
        self._finals = 0
        self._pace = _Pace(0, 0)

    def __call__(self, event: Event) -> None:
        self._under_way.follow(event)
        hidden = Working, Started, FinalistsStarted, *(() if self._verbose else (EpochEnded,))
        if not isinstance(event, hidden):
            self._bar.console.print(Text(line(event)))
        match event:
            case EpochEnded():
                self._draw(self._what, self._done, self._wanted, *self._facts)
            case Working():
                self._draw(event.text, event.done, event.total)
            case Started():
                self._begin("trials", event.wanted, event.counted, _best(event.best))
            case TrialEnded():
                self._move(event.counted, "trials", _best(event.best), _failures(event.failures))
            case FinalistsStarted():
                self._begin(_FINALS[event.on_all], event.wanted, 0)
                self._finals = 0
            case FinalistEnded():
                self._finals += 1
                self._move(self._finals, "models")

    def _begin(self, what: str, wanted: int, done: int, *facts: str) -> None:
        self._wanted = wanted
        self._pace = _Pace(wanted, done)
        self._done, self._facts = done, facts
        self._draw(what, done, wanted, *facts)

    def _move(self, done: int, what: str, *facts: str) -> None:
        self._done, self._facts = done, (*facts, self._pace.text(done, what))
        self._draw(self._what, done, self._wanted, *self._facts)
        self._bar.refresh()

    def _draw(self, what: str, done: int, total: int | None, *facts: str) -> None:
        """Show how far something is: at once where it is new, else when the bar is next drawn."""
        count = "" if total is None else f"{done}/{total}"
        text = _join(count, self._under_way.text(), *facts)
        if self._task is not None and what == self._what:
            self._bar.update(self._task, total=total, completed=done, facts=text)
            return
        if self._task is not None:  # a task keeps its total, known or not
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=total, completed=done, facts=text)
        self._what = what


def line(event: Event) -> str:
    """An event in one line."""
    match event:
        case Started():
            done = f", {event.counted} done before" if event.counted else ""
            workers = "1 worker" if event.workers == 1 else f"{event.workers} workers"
            return (
                f"{event.study}: {event.wanted} trials{done}; {workers} with up to "
                f"{event.population} models in step"
            )
        case EpochEnded():
            return _join(
                f"trial {event.trial}", f"seed {event.seed}", f"epoch {event.epoch}", event.text
            )
        case TrialEnded():
            return _join(f"trial {event.number}", event.state, _values(event), event.text)
        case FinalistsStarted():
            where = (
                "on training and validation data" if event.on_all else "trained from fresh seeds"
            )
            return f"{_FINALS[event.on_all]}: {event.wanted} models, {where}"
        case FinalistEnded():
            what = "retrained model" if event.on_all else "finalist"
            return f"{what} of trial {event.trial}, seed {event.seed}, on test: {event.text}"
        case Note() | Working():
            return event.text


def _values(event: TrialEnded) -> str:
    """The objective; of several each with its name."""
    if len(event.values) == 1:
        (value,) = event.values.values()
        return f"{value:.4f}"
    return ", ".join(f"{name} {value:.4f}" for name, value in event.values.items())


def _join(*parts: str) -> str:
    return "  ".join(filter(None, parts))


def _best(best: float | None) -> str:
    return "" if best is None else f"best {best:.4f}"


def _failures(failures: int) -> str:
    return f"{failures} failed" if failures else ""
