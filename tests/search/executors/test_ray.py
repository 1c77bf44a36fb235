"""Workers on real Ray clusters: two nodes on this machine, one of which is killed, or one."""

import json
import math
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from support.jobs import PATIENCE, SOURCE, await_events, check_drop, job, reported
from support.study_runs import check_ledger, check_results, study_in, trials

from moe_search.data import load
from moe_search.engine.checkpoints import Checkpoints
from moe_search.engine.messages import Ready
from moe_search.errors import UserError
from moe_search.progress import Note, Working, silent
from moe_search.search.events import EpochEnded, Event, TrialEnded
from moe_search.search.executors import ray_cluster
from moe_search.search.executors.base import Plan
from moe_search.search.run import run_study
from moe_search.spec import Study
from moe_search.spec.kinds.executors import Ray

SOON = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "worker_niceness": 0,
}
"""How a cluster soon finds a node dead, and workers are as urgent as what awaits them."""

ON_RAY: dict[str, Any] = {"executor": {"ray": {}}, "workers": "auto"}


@pytest.fixture(scope="module")
def ray_here(needs: Callable[[str, bool], None]) -> Iterator[None]:
    """Ray is loaded, and whatever it starts listens on the loopback interface."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ray_cluster.LOOPBACK.items():
            patch.setenv(name, value)
        try:
            import ray  # noqa: F401
        except ModuleNotFoundError:
            needs("ray", False)
        yield


@pytest.fixture(scope="module")
def cluster(ray_here: None) -> Iterator[Any]:
    """Two nodes with one CPU each; RAY_ADDRESS names their cluster."""
    from ray.cluster_utils import Cluster

    started = Cluster(True, head_node_args={"num_cpus": 1, "_system_config": SOON})
    started.add_node(num_cpus=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", started.address)
        yield started
    started.shutdown()  # type: ignore[no-untyped-call]


def test_workers_from_start_to_end(cluster: Any, tmp_path: Path) -> None:
    """One test, for they take seconds to start; the third waits for a node that joins."""
    given, checkpoints = Ray(), Checkpoints(tmp_path / "checkpoints", SOURCE)
    with ray_cluster.connected(given):
        from moe_search.search.executors.ray import RayExecutor

        plan = Plan(("cpu",) * 3, 1)
        with RayExecutor(plan, given, load(SOURCE), checkpoints) as executor:
            assert executor.idle == 0
            await_events(executor, lambda found: found.count(Ready(None)) == 2)
            assert executor.idle == 2
            executor.submit(job(0, 1))
            assert executor.idle == 1
            await_events(executor, reported(0, 1))
            check_drop(executor)
            assert executor.idle == 1  # the other one of its job goes on
            third = cluster.add_node(num_cpus=1)
            await_events(executor, lambda found: Ready(None) in found)
            assert executor.idle == 2
    cluster.remove_node(third)


def test_a_worker_that_raises_before_it_is_ready_is_told(cluster: Any, tmp_path: Path) -> None:
    given, checkpoints = Ray(), Checkpoints(tmp_path, SOURCE)
    with ray_cluster.connected(given):
        from moe_search.search.executors.ray import RayExecutor

        with (
            RayExecutor(Plan(("nowhere",), 1), given, load(SOURCE), checkpoints) as executor,
            pytest.raises(UserError, match=r"ray: a worker could not start: .*nowhere"),
        ):
            await_events(executor, bool)


def test_without_a_shared_folder_there_are_no_checkpoints(ray_here: None, tmp_path: Path) -> None:
    from moe_search.search.executors.ray import shared

    checkpoints = Checkpoints(tmp_path / "checkpoints", SOURCE)
    assert shared(checkpoints).after == math.inf
    checkpoints.folder.mkdir()
    assert shared(checkpoints) == checkpoints


def study(folder: Path, name: str, top: int = 0, **search: Any) -> Study:
    """Six trials in twos, proposed alike whatever they come to."""
    return study_in(
        folder,
        name=name,
        model={"experts": {"low": 2, "high": 5}, "temperature": {"low": 0.3, "high": 3.0}},
        regularizer={"kind": {"choices": ["none", "importance", "similarity"]}},
        training={"epochs": 60, "batch_size": 64},
        search={"trials": 6, "sampler": "random", **search},
        finalists={"top": top, "seeds": 1},
    )


def kill(node: Any) -> None:
    """As a machine that loses its power: its raylet and all that it started."""
    (raylet,) = node.all_processes["raylet"]
    number = raylet.process.pid
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    for process in (number, *map(int, children)):
        os.kill(process, signal.SIGKILL)


def test_a_study_whose_node_is_killed_has_in_every_bit_what_processes_give(
    cluster: Any, study_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (doomed,) = cluster.worker_nodes
    under_way: set[int] = set()
    killed: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, EpochEnded):
            under_way.add(event.trial)
        if isinstance(event, TrialEnded):
            under_way.discard(event.number)
        if len(under_way) > 2 and not killed:  # more than one node trains, so this one does
            killed.append(event)
            kill(doomed)

    on_ray = study(study_folder, "on-ray", top=1, **ON_RAY)
    assert run_study(on_ray, listen).reason == "all trials are done"
    lost = trials(on_ray, TrialState.FAIL)
    assert 1 <= len(lost) <= 2
    assert all("its worker died (" in trial.user_attrs["reason"] for trial in lost)
    assert not capsys.readouterr().out  # whatever Ray tells of the node
    check_ledger(on_ray)
    check_results(on_ray)
    assert not on_ray.checkpoints_folder.exists()

    processes = study(study_folder, "processes")
    run_study(processes, lambda event: None)
    assert results(on_ray) == results(processes)


def results(asked: Study) -> list[tuple[object, ...]]:
    """What each configuration came to, epoch by epoch."""

    def key(trial: FrozenTrial) -> str:
        return json.dumps(trial.params)

    ended = sorted(trials(asked, TrialState.COMPLETE), key=key)
    return [(trial.params, trial.value, trial.intermediate_values) for trial in ended]


def test_a_cluster_of_its_own_listens_on_loopback_and_ends_with_the_run(
    ray_here: None, study_folder: Path, command: str
) -> None:
    file = study_folder / "study.yaml"
    file.write_text(
        "name: own\n"
        "data: digits\n"
        "model: {temperature: {low: 0.3, high: 3.0}}\n"
        "training: {epochs: 100000}\n"
        "search: {trials: 2, workers: 1, pruner: none, executor: {ray: {address: local}}}\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    run = subprocess.Popen(
        [command, "run", str(file), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**plain, "HOME": str(study_folder)},  # where Ray keeps a token
    )
    assert run.stderr is not None
    try:
        told = [run.stderr.readline() for _ in range(2)]
        started = descendants(run.pid)
        listening: list[str] = []
        for process in started:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                listening += addresses(process)
    finally:
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert told[0].startswith("the data is held in memory")
    assert told[1] == "own: 2 trials; 1 worker with up to 8 models in step\n"
    assert err == f"moe-search: interrupted; go on with: moe-search run {shlex.quote(str(file))}\n"
    assert json.loads(out)["interrupted"]
    assert len(listening) > 3
    assert set(listening) == {"127.0.0.1"}
    ends = time.monotonic() + PATIENCE  # a busy machine takes a while to reap them
    while left := [process for process in started if Path(f"/proc/{process}").exists()]:
        assert time.monotonic() < ends, left
        time.sleep(0.05)


def descendants(process: int) -> list[int]:
    """Processes that one has started, and those have; itself first."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(found for child in children for found in descendants(int(child)))]


def addresses(process: int) -> Iterator[str]:
    """Where a process listens for TCP."""
    links = []
    for link in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            links.append(str(link.readlink()))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in links:
                last = bytes.fromhex(local.partition(":")[0])[-4:]  # 127.0.0.1 within IPv6, too
                yield socket.inet_ntoa(last[::-1])


@pytest.mark.parametrize(
    ("resources", "gpus", "workers"),
    [
        ({"CPU": 8.0, "GPU": 2.0}, 0.0, 8),
        ({"CPU": 8.0, "GPU": 2.0}, 1.0, 2),
        ({"CPU": 8.0, "GPU": 2.0}, 0.5, 4),
        ({"CPU": 8.0, "GPU": 2.0}, 0.3, 6),
        ({"CPU": 3.0, "GPU": 2.0}, 0.5, 3),
    ],
)
def test_the_plan_of_a_cluster(
    ray_here: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    resources: dict[str, float],
    gpus: float,
    workers: int,
) -> None:
    """Of two nodes that are alike, one that is dead, and one that only keeps the cluster."""
    nodes = [(resources, True), (resources, True), (resources, False), ({"memory": 1e9}, True)]
    monkeypatch.setattr("ray.nodes", lambda: [{"Resources": r, "Alive": a} for r, a in nodes])
    given = Ray(gpus_per_worker=gpus)
    asked = study_in(tmp_path, search={"workers": "auto", "population": "auto"})
    device, population = ("cuda", 16) if gpus else ("cpu", 8)
    assert ray_cluster.plan(asked, given, silent) == Plan((device,) * 2 * workers, population)


def test_workers_beyond_the_room_there_is_are_told(
    ray_here: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("ray.nodes", lambda: [{"Resources": {"CPU": 4.0}, "Alive": True}])
    asked = study_in(tmp_path, search={"workers": 6, "population": 1})
    told: list[Note | Working] = []
    assert ray_cluster.plan(asked, Ray(), told.append) == Plan(("cpu",) * 6, 1)
    assert told == [Note("the Ray cluster has room for 4 of 6 workers now")]
    asked = study_in(tmp_path, search={"workers": "auto"})
    with pytest.raises(UserError, match=r"no node of the cluster has 1 CPU and 0.5 GPU for a"):
        ray_cluster.plan(asked, Ray(gpus_per_worker=0.5), silent)


def test_a_cluster_that_does_not_answer_is_told_at_once(
    ray_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    for address in (f"127.0.0.1:{port}", "nonsense"):
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(UserError, match=r"^search.executor.ray: no cluster answers \(.*\); "):
            run_study(study(tmp_path, "nowhere", **ON_RAY), lambda event: None)
    assert not list(tmp_path.iterdir())


def test_a_token_that_ray_sends_unasked_is_named(
    ray_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_ADDRESS", "nonsense")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    named = r"token in ~/\.ray/auth_token: if it takes none, set RAY_AUTH_MODE=disabled$"
    with pytest.raises(UserError, match=named):
        run_study(study(tmp_path / "study", "nowhere", **ON_RAY), lambda event: None)


def test_under_uv_the_current_folder_is_not_sent_to_nodes(ray_here: None) -> None:
    code = (
        "from moe_search.search.executors.ray_cluster import connected\n"
        "from moe_search.spec.kinds.executors import Ray\n"
        "from moe_search.errors import UserError\n"
        "try:\n    connected(Ray()).__enter__()\nexcept UserError:\n"
        "    from ray._private.ray_constants import RAY_ENABLE_UV_RUN_RUNTIME_ENV as sends\n"
        "    print(sends)"
    )
    away = os.environ | {"RAY_ADDRESS": "nonsense"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=away, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_without_ray_it_is_said_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'moe-search\[ray\]'$"):
        run_study(study(tmp_path, "without", **ON_RAY), lambda event: None)
    assert not list(tmp_path.iterdir())
