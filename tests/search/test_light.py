"""The coordinator trains nothing: its process does without torch, and most of the memory."""

import subprocess
import sys
from pathlib import Path

RUN = """
import sys
import moe_search

study = {
    "name": "light",
    "data": "digits",
    "training": {"epochs": 1},
    "search": {"trials": 2, "workers": 1, "device": "cpu"},
    "finalists": {"top": 1, "seeds": 1},
}
outcome = moe_search.run(study)
assert outcome.champion == "models:/light@champion", outcome
print({"torch", "torchvision"} & {*sys.modules})
"""


def test_a_whole_run_loads_no_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
