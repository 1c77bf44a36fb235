"""Both dashboards answer on the loopback interface, and nothing of them stays behind."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from optuna.trial import create_trial
from support.finished_study import FinishedStudy
from support.servers import free_port

from moe_search.search.study_store import find_study
from moe_search.spec import load_study


def get(url: str) -> Any:
    with urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        return json.load(answer)


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


def group_lives(group: int) -> bool:
    """Whether a process of the group runs; one that only waits to be reaped does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it has ended meanwhile
        if int(pgrp) == group and state != "Z":
            return True
    return False


@contextmanager
def dashboard(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def moved(finished: FinishedStudy, folder: Path) -> Path:
    """The study's file in a folder to which it was moved, after its stores knew another place."""
    # another process copies: closing a file of sqlite's would take its locks from this one
    before = folder / "before"
    subprocess.run(["cp", "--recursive", finished.file.parent, before], check=True)
    find_study(load_study(before / finished.file.name, ()))
    return before.rename(folder / "now") / finished.file.name


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_both_dashboards(
    finished_study: FinishedStudy, command: str, tmp_path: Path, ending: signal.Signals
) -> None:
    """Of a study where it was made, and of one that was moved."""
    at_home = ending == signal.SIGINT
    file = finished_study.file if at_home else moved(finished_study, tmp_path)
    ports = free_port(), free_port()
    before = sorted(file.parent.rglob("*.png"))
    options = ["--optuna-port", ports[0], "--mlflow-port", ports[1]]
    with dashboard(command, "dashboard", file, *options) as process:
        assert process.stdout is not None
        optuna, mlflow = (process.stdout.readline().split() for _ in range(2))
        groups = children(process.pid)

        root = f"http://127.0.0.1:{ports[0]}"
        (listed,) = get(f"{root}/api/studies")["study_summaries"]
        assert listed["study_name"] == "finished"
        assert optuna == ["Optuna", f"{root}/dashboard/studies/{listed['study_id']}"]
        trials = get(f"{root}/api/studies/{listed['study_id']}?after=0")["trials"]
        (artifact, *_) = next(trial["artifacts"] for trial in trials if trial["artifacts"])
        trial = next(trial for trial in trials if trial["artifacts"])
        path = f"{listed['study_id']}/{trial['trial_id']}/{artifact['artifact_id']}"
        with urlopen(f"{root}/artifacts/{path}", timeout=30) as picture:
            assert picture.read(8) == b"\x89PNG\r\n\x1a\n"

        root = f"http://127.0.0.1:{ports[1]}"
        query = "api/2.0/mlflow/experiments/get-by-name?experiment_name=finished"
        experiment = get(f"{root}/{query}")["experiment"]["experiment_id"]
        assert mlflow[0] == "MLflow"
        assert mlflow[1].startswith(f"{root}/#/experiments/{experiment}/runs?")
        known = {entry["key"]: entry["value"] for entry in trial["user_attrs"]}
        path = "decomposition/class_by_expert_hard.csv"
        query = f"get-artifact?run_uuid={known['mlflow_run']}&path={path}"
        with urlopen(f"{root}/{query}", timeout=30) as table:
            assert table.readline().startswith(b"class,")

        assert len(groups) == 2
        assert all(os.getpgid(group) == group for group in groups)
        process.send_signal(ending)
        assert process.wait(30) == 0
        assert not any(group_lives(group) for group in groups)
    assert sorted(file.parent.rglob("*.png")) == before


def test_a_trial_that_ends_while_the_dashboard_is_open_is_seen(
    study_copy: Path, command: str
) -> None:
    """Though it keeps what has ended in memory, and looks at the store every two seconds."""
    kept = find_study(load_study(study_copy, ()))
    options = ["--optuna-port", free_port(), "--set", "storage.mlflow=http://127.0.0.1:9", "-q"]
    with dashboard(command, "dashboard", study_copy, *options) as process:
        assert process.stdout is not None
        page = process.stdout.readline().split()[1]
        address = f"{page.replace('dashboard/studies', 'api/studies')}?after=0"
        before = get(address)["trials"]
        kept.add_trial(create_trial(value=0.25, user_attrs={"ended": "since"}))
        ends = time.monotonic() + 30
        while len(now := get(address)["trials"]) == len(before) and time.monotonic() < ends:
            time.sleep(0.5)
        assert now[:-1] == before
        assert now[-1]["values"] == [0.25]
        assert now[-1]["user_attrs"] == [{"key": "ended", "value": "since"}]


def test_a_dashboard_that_dies_ends_the_command(
    finished_study: FinishedStudy, command: str
) -> None:
    """With MLflow on a server of its own, only Optuna's is started."""
    remote = "storage.mlflow=http://127.0.0.1:9"
    options = ["--optuna-port", free_port(), "--set", remote, "-q"]
    with dashboard(command, "dashboard", finished_study.file, *options) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Optuna")
        assert process.stdout.readline() == "MLflow  http://127.0.0.1:9\n"
        (group,) = children(process.pid)
        os.killpg(group, signal.SIGKILL)
        (said,) = process.stderr.read().splitlines()
        assert said.startswith("moe-search: the Optuna dashboard ended with exit status -9")
        assert process.wait(30) == 2
        assert not group_lives(group)
