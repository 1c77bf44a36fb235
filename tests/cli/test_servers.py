"""Studies whose stores are servers: PostgreSQL for Optuna, and an MLflow server on PostgreSQL.

Every command is started in a folder that holds nothing but study.yaml, as on another machine.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
import torch
from support.servers import PASSWORD, MlflowServer, Postgres, free_port
from support.study_runs import check_ledger, check_results, runs, trials

import moe_search
from moe_search.search.study_store import find_study
from moe_search.spec import Study, load_study
from moe_search.stores.mlflow import open_store

STUDY = """\
name: {name}
data: digits
model: {{experts: 3, temperature: {{low: 0.3, high: 3.0, log: true}}}}
training: {{epochs: 1, batch_size: 64, lr: 3.0e-3}}
search: {{trials: 3, pruner: none, collapse: off, workers: 1}}
finalists: {{top: 1, seeds: 2}}
"""


@dataclass(frozen=True)
class Machine:
    """Where commands are started: a folder with a study, and variables that name the stores."""

    folder: Path
    stores: dict[str, str]

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=self.folder,
            env=os.environ | self.stores,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> tuple[str, str]:
        """What a command that succeeds prints to stdout and to stderr."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate()
        assert process.returncode == 0, stderr
        return stdout, stderr

    def study(self) -> Study:
        with pytest.MonkeyPatch.context() as patch:
            for variable, url in self.stores.items():
                patch.setenv(variable, url)
            return load_study(self.folder / "study.yaml")


def machine(folder: Path, stores: dict[str, str], name: str) -> Machine:
    folder.mkdir()
    (folder / "study.yaml").write_text(STUDY.format(name=name))
    return Machine(folder, stores)


@dataclass(frozen=True)
class Finished:
    """A study that was run, the words of the run, and the folder of the MLflow server."""

    machine: Machine
    said: tuple[str, str]
    server: Path


@pytest.fixture(scope="module")
def finished(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, command: str
) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished on servers")
    server = MlflowServer(folder / "of the server", postgres.create("runs"))
    server.start()
    stores = {"OPTUNA_STORAGE": postgres.create("trials"), "MLFLOW_TRACKING_URI": server.url}
    here = machine(folder / "here", stores, "remote")
    yield Finished(here, here.run(command, "run", "study.yaml", "--json"), server.folder)
    server.stop()


@pytest.fixture
def elsewhere(finished: Finished, tmp_path: Path) -> Machine:
    return machine(tmp_path / "elsewhere", finished.machine.stores, "remote")


def test_the_ledger_is_exact(finished: Finished) -> None:
    study = finished.machine.study()
    outcome = json.loads(finished.said[0])
    assert outcome["champion"] == "models:/remote@champion"
    assert len(trials(study)) == 3
    check_ledger(study)
    check_results(study)


def test_artifacts_go_through_the_server(finished: Finished) -> None:
    (parent,) = runs(finished.machine.study(), "study")
    assert parent.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert list(finished.server.rglob("model.safetensors"))
    assert not list(finished.machine.folder.rglob("model.safetensors"))


def test_status_report_and_doctor_from_elsewhere(elsewhere: Machine, command: str) -> None:
    status, _ = elsewhere.run(command, "status", "study.yaml", "--json")
    assert json.loads(status)["counts"]["complete"] == 3
    elsewhere.run(command, "report", "study.yaml", "--html", "report.html")
    page = (elsewhere.folder / "report.html").read_text()
    assert "Decomposition atlas" in page
    assert "Class by class" in page
    assert "cannot be shown" not in page
    doctor, _ = elsewhere.run(command, "doctor", "study.yaml")
    assert doctor == "nothing to mend\n"


def test_the_model_is_pulled_elsewhere(elsewhere: Machine, command: str) -> None:
    elsewhere.run(command, "pull", "study.yaml", "--to", "champion")
    model = moe_search.load_model(elsewhere.folder / "champion")
    assert model(torch.zeros(1, 1, 8, 8)).sum().item() == pytest.approx(1.0)
    elsewhere.run(command, "pull", "models:/remote@champion", "--to", "by its name")
    assert (elsewhere.folder / "by its name" / "model.safetensors").is_file()


def test_the_dashboard_from_elsewhere(elsewhere: Machine, command: str) -> None:
    port = free_port()
    process = elsewhere.start(command, "dashboard", "study.yaml", "--optuna-port", port)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"Optuna  http://127.0.0.1:{port}/dashboard/")
        mlflow = elsewhere.stores["MLFLOW_TRACKING_URI"]
        assert process.stdout.readline() == f"MLflow  {mlflow}\n"
        with urlopen(f"http://127.0.0.1:{port}/api/studies", timeout=30) as answer:
            listed = json.load(answer)["study_summaries"]
        assert [study["study_name"] for study in listed] == ["remote"]
        arguments = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline")]
        assert not any(PASSWORD.encode() in words for words in arguments)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_the_password_is_told_nowhere(finished: Finished) -> None:
    study = finished.machine.study()
    assert PASSWORD in study.optuna_url
    assert PASSWORD not in "".join(finished.said)
    for folder in (finished.machine.folder, finished.server):
        for file in filter(Path.is_file, folder.rglob("*")):
            assert PASSWORD.encode() not in file.read_bytes()
    kept = find_study(study)
    notes = kept._storage.get_study_system_attrs(kept._study_id)
    assert PASSWORD not in repr((notes, kept.user_attrs, kept.get_trials()))
    client = open_store(study.mlflow_url, create=False)
    for kind in ("study", "trial", "finalist"):
        for run in runs(study, kind):
            assert PASSWORD not in repr(run.to_dictionary())
    assert PASSWORD not in repr(list(client.search_model_versions("name='remote'")))


def test_the_password_may_be_left_to_the_client(elsewhere: Machine, command: str) -> None:
    url = elsewhere.stores["OPTUNA_STORAGE"].replace(f":{PASSWORD}", "")
    alone = {**elsewhere.stores, "OPTUNA_STORAGE": url, "PGPASSWORD": PASSWORD}
    Machine(elsewhere.folder, alone).run(command, "status", "study.yaml")


def test_two_studies_may_begin_at_once(postgres: Postgres, tmp_path: Path, command: str) -> None:
    """Neither database has its tables yet."""
    stores = {
        "OPTUNA_STORAGE": postgres.create("two-trials"),
        "MLFLOW_TRACKING_URI": postgres.create("two-runs"),
    }
    machines = [machine(tmp_path / name, stores, name) for name in ("one", "other")]
    started = [each.start(command, "run", "study.yaml") for each in machines]
    ended = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    for each in machines:
        assert len(trials(each.study())) == 3
        check_ledger(each.study())
        check_results(each.study())
