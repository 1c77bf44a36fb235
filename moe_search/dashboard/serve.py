"""Both dashboards of a study, for as long as a person wants them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from moe_search.credentials import without_credentials
from moe_search.dashboard.exposure import bind
from moe_search.dashboard.optuna_app import STORE
from moe_search.dashboard.same_origin import LOOPBACK
from moe_search.errors import UserError
from moe_search.search.interrupt import Interrupted, interruptible
from moe_search.spec import Study
from moe_search.spec.kinds.stores import store_kind
from moe_search.tracking.notes import artifacts_folder
from moe_search.tracking.study_page import trials_page

_STARTUP = 120.0  # seconds; the slower one takes 20 from a cold start
_ENDING = 5.0  # seconds


@dataclass(frozen=True)
class Server:
    """A web server to start.

    Attributes:
        option: the one that sets its port.
        host: the address it listens on, or a name of it.
        command: arguments of the interpreter.
        environment: what is added to this process's own.
        page: path of the first page to look at, once it answers.
    """

    name: str
    option: str
    host: str
    port: int
    command: tuple[str, ...]
    page: Callable[[], str]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Its root."""
        return _origin(self.host, self.port)


def serve(
    study: Study,
    number: int,
    host: str,
    optuna_port: int,
    mlflow_port: int,
    say: Callable[[str], None],
) -> None:
    """Run the dashboards until Ctrl-C or SIGTERM; none of their processes is left behind.

    Args:
        study: whose stores are shown.
        number: its id in Optuna's store.
        host: the address they listen on, or a name of it; ``check_host`` has seen it.
        optuna_port, mlflow_port: where they listen.
        say: told the study's page in each once both answer.

    Raises:
        UserError: a port is in use (then nothing is started), or a dashboard ended by itself.
    """
    servers = [_optuna(study, number, host, optuna_port)]
    if not store_kind(study.mlflow_url).is_mlflow:
        servers.append(_mlflow(study, host, mlflow_port))
    _check_ports(servers)
    with suppress(Interrupted), interruptible() as interrupt, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = [stack.enter_context(_started(server, folder)) for server in servers]
        began = time.monotonic()
        while not all(process.answers() for process in running):
            interrupt.check()
            if time.monotonic() > began + _STARTUP:
                raise UserError(f"the dashboards did not answer within {_STARTUP:.0f} s")
            time.sleep(0.2)
        for server in servers:
            say(f"{server.name:<6}  {server.address}{server.page()}")
        if len(servers) == 1:
            say(f"MLflow  {without_credentials(study.mlflow_url)}")
        while True:
            interrupt.check()
            for process in running:
                process.check()
            time.sleep(0.5)


def _optuna(study: Study, number: int, host: str, port: int) -> Server:
    arguments = host, str(port), str(artifacts_folder(study.artifacts_folder)), str(number)
    return Server(
        "Optuna",
        "--optuna-port",
        host,
        port,
        ("-m", "moe_search.dashboard.optuna_app", *arguments),
        lambda: f"/dashboard/studies/{number}",
        {STORE: study.optuna_url},
    )


def _mlflow(study: Study, host: str, port: int) -> Server:
    origin = _origin(host, port)

    def page() -> str:
        query = f"api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(study.name)}"
        with urlopen(f"{origin}/{query}", timeout=10) as answer:
            number = json.load(answer)["experiment"]["experiment_id"]
        return trials_page(number)

    names = dict.fromkeys([*LOOPBACK, host])
    allowed = [pattern for name in names for pattern in _host_headers(name)]
    command = ["-m", "mlflow", "server", "--workers", "1", "--host", host, "--port", str(port)]
    command += ["--allowed-hosts", ",".join(allowed), "--cors-allowed-origins", origin]
    return Server(
        "MLflow",
        "--mlflow-port",
        host,
        port,
        tuple(command),
        page,
        {
            "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",  # the user's may say otherwise
            "MLFLOW_BACKEND_STORE_URI": study.mlflow_url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it has no jobs to run
        },
    )


def _origin(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _host_headers(name: str) -> tuple[str, str]:
    """What a Host header may be for MLflow, alone and, as a pattern of fnmatch, with a port."""
    return (f"[{name}]", f"[[]{name}]:*") if ":" in name else (name, f"{name}:*")


def _check_ports(servers: list[Server]) -> None:
    if len({server.port for server in servers}) < len(servers):
        raise UserError(f"both dashboards are to use port {servers[0].port}; give them two ports")
    for server in servers:
        try:
            bind(server.host, server.port)
        except OSError as error:
            raise UserError(
                f"port {server.port} cannot be used for the {server.name} dashboard "
                f"({error.strerror}); choose another with {server.option}"
            ) from None


class _Process:
    """A server that was started."""

    def __init__(self, server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
        self._server = server
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise a ``UserError`` with its last words if it has ended."""
        if (code := self._process.poll()) is not None:
            lines = self._log.read_text(errors="replace").split("\n")
            last = next(filter(None, reversed([line.strip() for line in lines])), "no message")
            raise UserError(
                f"the {self._server.name} dashboard ended with exit status {code}: {last}"
            )

    def answers(self) -> bool:
        """Whether it serves pages already."""
        self.check()
        with suppress(OSError), urlopen(self._server.address, timeout=10):
            return True
        return False


@contextmanager
def _started(server: Server, folder: Path) -> Iterator[_Process]:
    """A server as the leader of a process group, all of which ends with the context.

    It runs in an empty folder: nothing is left in the user's, and none of the user's files can
    take the place of a module.
    """
    empty = folder / server.name
    empty.mkdir()
    log = folder / f"{server.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *server.command],
            env=os.environ | server.environment,
            cwd=empty,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _Process(server, process, log)
    finally:
        try:
            _signal_group(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING)
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()


def _signal_group(process: subprocess.Popen[Any], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
