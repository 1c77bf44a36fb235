"""Ctrl-C, SIGTERM, a closed terminal: all three are alike.

Most work they stop at once. A search they end cleanly, and twice they stop it at once.
A signal that is ignored from the start stays so, such as SIGHUP under ``nohup``.
"""

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows knows no SIGHUP
_ENDS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class Interrupted(Exception):
    """The user asked to end; nothing is half-written."""


class Interrupt:
    """Remembers that an end was asked for until a good moment comes."""

    def __init__(self) -> None:
        self._requested = False

    def check(self) -> None:
        """Raise ``Interrupted`` if an end was asked for."""
        if self._requested:
            raise Interrupted

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Remember within that an end was asked for."""
    interrupt = Interrupt()
    with _handled_by(interrupt._handle):
        yield interrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` within, whichever signal asks for an end."""
    with _handled_by(signal.default_int_handler):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Take over the signals that ask for an end; outside the main thread there are none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        _leave_closed_terminal()
        handler(number, frame)

    numbers = [number for number in _ENDS if signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in zip(numbers, before, strict=True):
            signal.signal(number, earlier)


def _leave_closed_terminal() -> None:
    """Drop what is still to be said to a terminal that was closed; to write to it would fail."""
    for output in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(output).st_mode) and not os.isatty(output):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, output)
                os.close(nowhere)
