"""Systems other than Linux, by taking away what they lack."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.study_runs import study_in

from moe_search.search.executors.base import Plan
from moe_search.search.executors.local import plan

PLANNING = """
import os, signal, sys
del os.sched_getaffinity, signal.SIGHUP
sys.modules["fcntl"] = None  # importing it fails, as on Windows
os.cpu_count = lambda: 3
from pathlib import Path
import moe_search.search.run
from moe_search.search.executors import opener
from moe_search.search.interrupt import interruptible
from moe_search.spec import Study
from moe_search.tracking.provenance import provenance
study = Study.model_validate(
    {"name": "a", "data": "digits", "search": {"device": "cpu"}}, context={"folder": Path.cwd()}
)
with interruptible():
    print(len(opener(study, print).plan().devices))
print(provenance(Path.cwd())["machine"])
"""


def test_a_run_is_planned_without_what_windows_lacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PLANNING],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    workers, machine = done.stdout.splitlines()
    assert workers == "3"
    assert "3 cores" in machine


def test_where_the_system_does_not_say_which_all_cores_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    asked = study_in(tmp_path, search={"workers": "auto", "population": 1, "device": "cpu"})
    assert plan(asked) == Plan(("cpu",) * 5, 1)


CLOSED = """
import os, sys, time
from pathlib import Path
from moe_search.search.interrupt import interruptible
os.close(os.open(os.ttyname(0), os.O_RDWR))  # its terminal from now on
with interruptible() as interrupt:
    print("ready", flush=True)
    while not interrupt._requested:
        time.sleep(0.01)
    print("nobody reads this", flush=True)
Path(sys.argv[1]).touch()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="terminals differ")
def test_what_is_said_to_a_terminal_that_was_closed_is_no_failure(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    arguments = [sys.executable, "-c", CLOSED, str(tmp_path / "ended")]
    with subprocess.Popen(
        arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        assert os.read(ours, 100).startswith(b"ready")
        os.close(ours)
        assert process.wait(60) == 0
    assert (tmp_path / "ended").exists()


WAITING = """
import signal
from moe_search.search.interrupt import interruptible
with interruptible() as interrupt:
    print("ready", flush=True)
    input()
    print("asked to end" if interrupt._requested else "goes on")
"""


@pytest.mark.parametrize("ignored", [True, False])
def test_a_signal_that_was_ignored_stays_ignored(ignored: bool) -> None:
    """As under nohup."""
    ignore = f"signal.signal(signal.SIGHUP, signal.{'SIG_IGN' if ignored else 'SIG_DFL'})"
    start = f"import os, signal, sys\n{ignore}\nos.execv(sys.executable, sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", start, sys.executable, "-c", WAITING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        said, _ = process.communicate("\n", timeout=60)
    assert said == ("goes on\n" if ignored else "asked to end\n")
