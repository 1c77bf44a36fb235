"""Ctrl-C during a run: it ends cleanly, says how to go on, and the same command tops up."""

import json
import os
import signal
import subprocess
from pathlib import Path

from support.messages import Messages

STUDY = """\
name: long
data: digits
model: {experts: {low: 2, high: 4}}
training: {epochs: 20, batch_size: 64}
search: {trials: 4, pruner: none, collapse: off, workers: 1, population: 1}
finalists: {top: 0}
"""


def test_ctrl_c_and_the_same_command_again(
    tmp_path: Path, command: str, messages: Messages
) -> None:
    study = tmp_path / "my study.yaml"
    study.write_text(STUDY)
    arguments = [command, "run", str(study), "--set", "search.seed=3", "--json"]
    arguments += ["--notify", messages.url]
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        assert any(line.startswith("[1/4] ") for line in running.stderr)
        os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to the workers, too
        stdout, stderr = running.communicate()
    assert running.returncode == 130, stderr
    assert stderr.splitlines()[-1] == (
        f"moe-search: interrupted; go on with: moe-search run '{study}' --set search.seed=3"
    )
    begun = json.loads(stdout)
    assert begun["interrupted"]
    assert begun["counts"]["running"] == 0
    assert 1 <= begun["counts"]["complete"] < 4
    (message,) = messages
    assert message["title"] == "moe-search: long"
    assert message["message"].startswith(
        f"interrupted; {begun['counts']['complete']} of 4 trials ("
    )

    again = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    ended = json.loads(again.stdout)
    assert ended["reason"] == "all trials are done"
    assert ended["counts"]["complete"] == 4
    assert ended["counts"]["running"] == ended["counts"]["waiting"] == 0
