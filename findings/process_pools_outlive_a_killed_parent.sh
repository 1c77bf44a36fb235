#!/usr/bin/env bash
# joblib 1.6.0 (its loky) and Python 3.11's executors: idle workers outlive a parent that is killed.
#
# Guess: a worker of a process pool ends when the process that made it does, whatever ends that one:
# it waits at a pipe whose other end is gone, and reads an end of file. The pools are one like the
# other in this; loky says that it is robust.
# Seen: after SIGKILL of the parent, as the system does where memory runs out, both idle workers of
# loky's ProcessPoolExecutor and of concurrent.futures' (spawn) still live ten seconds later. Those
# of the older multiprocessing.Pool (spawn) have ended, as has a subprocess that reads its input.
# Where it bites: each crash of a job that reads data with a pool leaves its workers and their memory.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'joblib==1.6.0'
cat >"$folder/parent.py" <<'PYTHON'
"""Makes two idle workers, says their numbers, and waits."""
import os
import subprocess
import sys
import time


def number(_):
    time.sleep(0.2)
    return os.getpid()


def main(kind):
    import multiprocessing

    spawn = multiprocessing.get_context("spawn")
    if kind == "subprocess":
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        kept = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
        numbers = {one.pid for one in kept}
    elif kind == "multiprocessing.Pool":
        kept = spawn.Pool(2)
        numbers = set(kept.map(number, range(8), chunksize=1))
    else:
        if kind == "loky":
            from joblib.externals.loky import ProcessPoolExecutor

            kept = ProcessPoolExecutor(2)
        else:
            from concurrent.futures import ProcessPoolExecutor

            kept = ProcessPoolExecutor(2, mp_context=spawn)
        numbers = set(kept.map(number, range(8)))
    print(*numbers, flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1])
PYTHON
"$folder/venv/bin/python" - "$folder/parent.py" <<'PYTHON'
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

print("joblib", version("joblib"), "Python", sys.version.split()[0])


def lives(number):
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def left(kind):
    """How many of two idle workers live ten seconds after their parent was killed."""
    command = [sys.executable, sys.argv[1], kind]
    parent = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    workers = [int(number) for number in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    time.sleep(10)
    found = [number for number in workers if lives(number)]
    for number in found:
        os.kill(number, signal.SIGKILL)
    return len(found)


kinds = ("loky", "concurrent.futures", "multiprocessing.Pool", "subprocess")
seen = {kind: left(kind) for kind in kinds}
for kind, count in seen.items():
    print(f"{kind}: {count} of 2 workers live on")
assert seen == {"loky": 2, "concurrent.futures": 2, "multiprocessing.Pool": 0, "subprocess": 0}
PYTHON
