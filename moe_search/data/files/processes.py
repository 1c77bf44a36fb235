"""Processes that help to read files.

Each takes calls from its standard input until that ends, so it ends with the process that started
it, whatever ends that one. It does not run a user's script again, as ``multiprocessing`` would.
"""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

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
    started = [_start() for _ in range(processes)]
    free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    for process in started:
        free.put(process)

    def answer(part: Part) -> Answer:
        process = free.get()
        try:
            return _ask(process, (function, part))
        finally:
            free.put(process)

    with ThreadPoolExecutor(processes) as threads:
        try:
            yield from threads.map(answer, parts)
        finally:  # what still waits for an answer then fails at once
            for process in started:
                process.kill()
            for process in started:
                process.wait()


def _start() -> subprocess.Popen[bytes]:
    code = f"from {__name__} import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _ask(process: subprocess.Popen[bytes], call: tuple[Callable[[Part], Answer], Part]) -> Answer:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump(call, process.stdin)
        process.stdin.flush()
        answer: Answer = pickle.load(process.stdout)
    except (EOFError, OSError) as error:
        raise RuntimeError(f"a process that reads files died ({process.wait()})") from error
    return answer


def main() -> None:
    """Answer calls; a Ctrl-C is for the process that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            call: tuple[Callable[[Any], Any], Any] = pickle.load(calls)
        except EOFError:
            return
        function, part = call
        pickle.dump(function(part), answers)
        answers.flush()
