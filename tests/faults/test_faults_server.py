"""An MLflow server that goes away while a study runs: it waits, or ends in one line and goes on."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from optuna.trial import TrialState
from searching import check_ledger, check_results, run, study_in, trials
from standin import decomposition

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.search.store import COUNTED
from moe_search.spec import Study

PATIENCE = 120  # seconds, for what takes ten
LEAVES = 2  # the trial in which the server goes away


class Server:
    """An MLflow server on this machine that can be stopped and started again.

    Attributes:
        url: its address, the same each time.
    """

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
            *("--artifacts-destination", str(folder / "artifacts of the server")),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ends = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < ends
            time.sleep(0.1)

    def stop(self) -> None:
        """As when its machine goes down: what it was answering gets no answer."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            urlopen(f"{self.url}/health", timeout=5).close()
        except OSError:
            return False
        return True


@pytest.fixture
def server(study_folder: Path) -> Iterator[Server]:
    made = Server(study_folder)
    made.start()
    yield made
    made.stop()


def study_on(server: Server, folder: Path) -> Study:
    stores = {"optuna": f"sqlite:///{folder}/study.db", "mlflow": server.url}
    return study_in(folder, storage=stores, finalists={"top": 1, "seeds": 1})


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    return decomposition(5, 0.5 + 0.1 * spec.configuration.model.temperature)


def check(study: Study) -> None:
    assert len(trials(study, *COUNTED)) == 4
    assert not trials(study, TrialState.RUNNING, TrialState.WAITING)
    check_ledger(study)
    check_results(study)


@pytest.fixture
def away(request: pytest.FixtureRequest) -> float:
    """Seconds for which the server is away, and it takes some to start."""
    return 30.0 if request.config.getoption("--faults") == "full" else 1.0


def test_a_run_waits_for_a_server_that_comes_back(
    server: Server, study_folder: Path, away: float
) -> None:
    study = study_on(server, study_folder)
    back = threading.Timer(away, server.start)

    def leave(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == LEAVES and not back.ident:
            server.stop()
            back.start()
        return train(spec, epoch)

    run(study, leave)
    back.join()
    check(study)
    assert len(trials(study)) == 4


def test_a_run_ends_in_one_line_where_it_does_not_and_the_same_run_goes_on(
    server: Server, study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_on(server, study_folder)

    def leave(spec: TrialSpec, epoch: int) -> Decomposition:
        if spec.key == LEAVES:
            server.stop()
        return train(spec, epoch)

    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # it would wait for minutes
        with pytest.raises(UserError) as caught:
            run(study, leave)
    assert str(caught.value) == (
        f"{server.url}: MLflow's store failed: Connection refused; "
        "once it is mended, the same command goes on"
    )
    assert trials(study, TrialState.RUNNING)
    server.start()
    run(study, train)
    check(study)
