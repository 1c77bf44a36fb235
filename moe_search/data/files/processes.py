"""Processes that help to read files, or to see them as a network does.

Each takes calls from its standard input until that ends, so it ends with the process that started
it, whatever ends that one. It does not run a user's script again, as ``multiprocessing`` would.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import IO, Any, Self, TypeVar

from moe_search.errors import UserError
from moe_search.progress import Note, Progress, Working, silent

Part = TypeVar("Part")
Answer = TypeVar("Answer")


def mapped(
    function: Callable[[Part], Answer], parts: Iterable[Part], processes: int
) -> Generator[Answer, None, None]:
    """What a function makes of each part, in order, in so many processes.

    Args:
        function: one that can be pickled, as its results can.
        parts: can be pickled.
        processes: they are started at once, and are gone when this generator ends or is closed.

    Raises:
        RuntimeError: one of them died.
    """
    started = [Helper() for _ in range(processes)]
    free: SimpleQueue[Helper] = SimpleQueue()
    for helper in started:
        free.put(helper)

    def answer(part: Part) -> Answer:
        helper = free.get()
        try:
            return helper.ask(function, part)
        finally:
            free.put(helper)

    with ThreadPoolExecutor(processes) as threads:
        try:
            yield from threads.map(answer, parts)
        finally:  # what still waits for an answer then fails at once
            for helper in started:
                helper.close()


class Helper:
    """A process that answers one call after another, until it is closed."""

    def __init__(self) -> None:
        code = f"from {__name__} import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(
        self, function: Callable[[Part], Answer], part: Part, progress: Progress = silent
    ) -> Answer:
        """What a function makes of a part there.

        Args:
            function: one that can be pickled, as its result can.
            part: can be pickled.
            progress: told what the function tells (see ``tell``).

        Raises:
            UserError: the function's.
            RuntimeError: the process died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((function, part), self._process.stdin)
            self._process.stdin.flush()
            while isinstance(answer := pickle.load(self._process.stdout), Note | Working):
                progress(answer)
        except (EOFError, OSError) as error:
            status = self._process.wait()
            raise RuntimeError(f"a process that reads files died ({status})") from error
        if isinstance(answer, UserError):
            raise answer
        found: Answer = answer
        return found

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_answers: IO[bytes] | None = None
"""Where the answers of a process that helps go."""


def tell(message: Note | Working) -> None:
    """Tell the process that asks, from within what it asks for."""
    assert _answers is not None
    pickle.dump(message, _answers)
    _answers.flush()


def main() -> None:
    """Answer calls; a Ctrl-C is for the process that asks."""
    global _answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls, _answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            call: tuple[Callable[[Any], Any], Any] = pickle.load(calls)
        except EOFError:
            return
        function, part = call
        try:
            answer = function(part)
        except UserError as error:
            answer = error
        pickle.dump(answer, _answers)
        _answers.flush()
