"""A coordinator in a process of its own, to be killed: ``python killed.py FOLDER WHERE``.

WHERE is one of ``BOUNDARIES``, at whose third passing the process dies as by kill -9, or ``hold``:
then it holds the study's lock, says so in a line on stdout, and waits.
"""

import os
import pkgutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from searching import run, study_in
from standin import decomposition

from moe_search.engine.trial import TrialSpec
from moe_search.moe.decomposition import Decomposition
from moe_search.search.store import locked
from moe_search.spec import Study

BOUNDARIES = {
    "asked": ("optuna.Study.ask", False),
    "suggested": ("moe_search.search.space.suggest", False),
    "reported": ("optuna.Trial.report", False),
    "logging": ("moe_search.tracking.runs.Tracker._log_points", True),
    "logged": ("moe_search.search.recorder.Recorder.complete", False),
    "told": ("optuna.Study.tell", False),
}
"""What is called there, and whether to die before it or when it is done."""


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    """Better the higher the temperature."""
    return decomposition(5, 0.5 + 0.1 * spec.configuration.model.temperature)


def study(folder: Path) -> Study:
    """Five trials."""
    return study_in(folder, search={"trials": 5})


def main() -> None:
    """Hold the lock, or run and die."""
    folder, where = Path(sys.argv[1]), sys.argv[2]
    if where == "hold":
        with locked(study(folder)):
            print(os.getpid(), flush=True)
            signal.pause()
    path, before = BOUNDARIES[where]
    with patch(path, _at_the_third(pkgutil.resolve_name(path), before)):
        run(study(folder), train)


def _at_the_third(call: Callable[..., Any], before: bool) -> Callable[..., Any]:
    calls = []

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if before and len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


if __name__ == "__main__":
    main()
