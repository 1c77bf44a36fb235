"""Only this machine's own pages and programs reach the dashboards: real requests to both."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from moe_search.cli import main

LAX = {
    "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "*",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
}
"""What a user's environment may say for a server of another kind."""


@dataclass(frozen=True)
class Served:
    """Both dashboards.

    Attributes:
        said: on stdout and stderr until both answered.
    """

    host: str
    ports: dict[str, int]
    process: int
    said: str

    def ask(self, name: str, path: str, body: object = None, **headers: str) -> int:
        """The status of the answer; a body makes it a POST."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://{self.host}:{self.ports[name]}{path}", data)
        for header, value in {"Content-Type": "application/json", **headers}.items():
            request.add_header(header.replace("_", "-"), value)
        try:
            with urlopen(request, timeout=60) as answer:
                status: int = answer.status
                return status
        except HTTPError as error:
            return error.code

    def studies(self) -> list[str]:
        with urlopen(f"http://{self.host}:{self.ports['Optuna']}/api/studies") as answer:
            return [study["study_name"] for study in json.load(answer)["study_summaries"]]


@contextmanager
def served(command: str, study: Path, host: str, *options: str) -> Iterator[Served]:
    probes = [socket.create_server((host, 0)) for _ in range(2)]
    ports = dict(zip(("Optuna", "MLflow"), (p.getsockname()[1] for p in probes), strict=True))
    for probe in probes:
        probe.close()
    given = ["--optuna-port", str(ports["Optuna"]), "--mlflow-port", str(ports["MLflow"])]
    with subprocess.Popen(
        [command, "dashboard", str(study), *given, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | LAX,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "MLflow  " not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield Served(host, ports, process.pid, said)
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def local(command: str, study_copy: Path) -> Iterator[Served]:
    with served(command, study_copy, "127.0.0.1") as dashboards:
        yield dashboards


PAGES = {"Optuna": "/api/studies", "MLflow": "/api/2.0/mlflow/experiments/search?max_results=1"}
WRITES: dict[str, tuple[str, object]] = {
    "Optuna": ("/api/studies", {"study_name": "intruder", "directions": ["minimize"]}),
    "MLflow": ("/api/2.0/mlflow/experiments/create", {"name": "intruder"}),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_domain_that_points_here_gets_nothing(local: Served, name: str) -> None:
    port = local.ports[name]
    for host in ("evil.example", f"evil.example:{port}", "10.0.0.1", f"127.0.0.1.evil:{port}"):
        assert local.ask(name, PAGES[name], Host=host) == 403, host
        assert local.ask(name, *WRITES[name], Host=host) == 403, host


@pytest.mark.parametrize("name", PAGES)
def test_this_machine_has_its_names(local: Served, name: str) -> None:
    port = local.ports[name]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost:9999", f"[::1]:{port}"):
        assert local.ask(name, PAGES[name], Host=host) == 200, host


@pytest.mark.parametrize("name", WRITES)
def test_another_websites_writes_are_refused(local: Served, name: str) -> None:
    for origin in ("http://evil.example", "null", f"http://evil.example:{local.ports[name]}"):
        assert local.ask(name, *WRITES[name], Origin=origin) == 403, origin
    assert local.studies() == ["finished"]


def test_the_guard_refuses_what_another_page_of_this_machine_asks(local: Served) -> None:
    """And what any page reads; MLflow lets pages of this machine write, and others read nothing."""
    path, body = WRITES["Optuna"]
    assert local.ask("Optuna", path, body, Origin="http://127.0.0.1:3000") == 403
    for site in ("cross-site", "same-site"):
        assert local.ask("Optuna", path, body, Sec_Fetch_Site=site) == 403
        assert local.ask("Optuna", path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors") == 403
    assert local.studies() == ["finished"]


def test_a_link_may_be_followed_but_not_framed(local: Served) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert local.ask("Optuna", "/dashboard", **link, Sec_Fetch_Dest="document") == 200
    assert local.ask("Optuna", "/dashboard", **link, Sec_Fetch_Dest="iframe") == 403
    path, body = WRITES["Optuna"]
    assert local.ask("Optuna", path, body, **link, Sec_Fetch_Dest="document") == 403


@pytest.mark.parametrize("name", WRITES)
def test_the_dashboards_own_pages_may_write(local: Served, name: str) -> None:
    own = f"http://127.0.0.1:{local.ports[name]}"
    status = local.ask(name, *WRITES[name], Origin=own, Sec_Fetch_Site="same-origin")
    assert status in (200, 201)


def test_no_argument_of_a_process_names_a_store(local: Served) -> None:
    """Every user of a machine sees them, and a URL may hold a password."""
    group = [local.process]
    for process in group:
        children = Path(f"/proc/{process}/task/{process}/children").read_text()
        group += map(int, children.split())
    lines = [Path(f"/proc/{process}/cmdline").read_bytes() for process in group]
    assert len(lines) > 3
    assert not [line for line in lines if b"sqlite:" in line or b".db" in line]


@pytest.fixture(scope="module")
def own_address() -> str:
    """One at which others may reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # for documentation; nothing is sent
        except OSError:
            pytest.skip("needs a network interface")
        address: str = probe.getsockname()[0]
        return address


def test_another_address_is_accepted_knowingly(
    command: str, study_copy: Path, own_address: str
) -> None:
    given = ["--host", own_address, "--i-know-it-has-no-login", "--quiet"]  # it warns all the same
    with served(command, study_copy, own_address, *given) as dashboards:
        assert f"everyone who can reach {own_address} can read, change and " in dashboards.said
        assert f"http://{own_address}:{dashboards.ports['Optuna']}/" in dashboards.said
        for name, page in PAGES.items():
            own = f"http://{own_address}:{dashboards.ports[name]}"
            assert dashboards.ask(name, page) == 200
            assert dashboards.ask(name, page, Host="evil.example") == 403
            assert dashboards.ask(name, *WRITES[name], Origin="http://evil.example") == 403
            body: object = {"study_name": "own", "directions": ["minimize"], "name": "own"}
            assert dashboards.ask(name, WRITES[name][0], body, Origin=own) in (200, 201)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", dashboards.ports[name]), timeout=5)


def test_another_address_is_refused_otherwise(study_copy: Path, own_address: str) -> None:
    for host, why in {
        own_address: "other machines reach it, and no dashboard asks for a login",
        "0.0.0.0": "is every address at once",
        "::": "is every address at once",
        "192.0.2.1": "cannot be used",
        "no such name": "cannot be used",
        "x" * 300: "cannot be used",
    }.items():
        result = CliRunner().invoke(main, ["dashboard", str(study_copy), "--host", host])
        assert result.exit_code == 2
        assert result.stderr.startswith(f"moe-search: --host {host}: {why}")
        assert result.stderr.count("\n") == 1
