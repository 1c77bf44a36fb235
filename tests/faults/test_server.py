"""An MLflow server that goes away while a study runs: it waits, or ends in one line and goes on."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.fake_workers import decomposition
from support.servers import MlflowServer
from support.study_runs import check_finished, run, study_in, trials

from moe_search.engine.trial import TrialSpec
from moe_search.errors import UserError
from moe_search.moe.decomposition import Decomposition
from moe_search.spec import Study

LEAVES = 2  # the trial in which the server goes away


@pytest.fixture
def server(study_folder: Path) -> Iterator[MlflowServer]:
    artifacts = study_folder / "artifacts of the server"
    made = MlflowServer(artifacts, f"sqlite:///{study_folder}/mlflow.db")
    made.start()
    yield made
    made.stop()


def study_on(server: MlflowServer, folder: Path) -> Study:
    stores = {"optuna": f"sqlite:///{folder}/study.db", "mlflow": server.url}
    return study_in(folder, storage=stores, finalists={"top": 1, "seeds": 1})


def train(spec: TrialSpec, epoch: int) -> Decomposition:
    return decomposition(5, 0.5 + 0.1 * spec.configuration.model.temperature)


@pytest.fixture
def away(request: pytest.FixtureRequest) -> float:
    """Seconds for which the server is away, and it takes some to start."""
    return 30.0 if request.config.getoption("--faults") == "full" else 1.0


def test_a_run_waits_for_a_server_that_comes_back(
    server: MlflowServer, study_folder: Path, away: float
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
    check_finished(study)
    assert len(trials(study)) == 4


def test_a_run_ends_in_one_line_where_it_does_not_and_the_same_run_goes_on(
    server: MlflowServer, study_folder: Path, monkeypatch: pytest.MonkeyPatch
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
    check_finished(study)
