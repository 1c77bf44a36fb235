"""Ctrl-C, SIGTERM, a closed terminal: once to end cleanly, twice to stop at once.

A signal that is ignored from the start stays so, such as SIGHUP under ``nohup``.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
    """Take over the signals that ask for an end; outside the main thread there are none."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    numbers = [number for number in _ENDS if signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, interrupt._handle) for number in numbers]
    try:
        yield interrupt
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
