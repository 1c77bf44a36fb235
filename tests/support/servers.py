"""Real servers on this machine, each of which can be stopped and started again."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

PATIENCE = 120  # seconds, for what takes ten
PASSWORD = "hunter2"
"""Of PostgreSQL's one user."""


def free_port() -> int:
    """A port of the loopback interface at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Server:
    """A process that serves, and all of its children.

    Args:
        command: to start it.
        ending: the signal that ends it as when its machine goes down: nobody gets an answer.
        options: of ``subprocess.Popen``.
    """

    def __init__(self, command: Sequence[str], ending: signal.Signals, **options: Any) -> None:
        self._command = command
        self._ending = ending
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._options,
        )
        ends = time.monotonic() + PATIENCE
        while not self.answers():
            assert self._process.poll() is None, f"{self._command[0]} has ended"
            assert time.monotonic() < ends
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it at once."""
        if self._process is not None:
            os.killpg(self._process.pid, self._ending)
            self._process.wait(PATIENCE)
            self._process = None

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.stop()
        self.start()

    def answers(self) -> bool:
        """Whether it is up."""
        raise NotImplementedError


class MlflowServer(Server):
    """An MLflow server, which takes artifacts and keeps them in a folder of its own.

    Args:
        folder: where it keeps artifacts.
        store: URL of its database.

    Attributes:
        url: its address, the same each time.
    """

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = f"{sys.executable} -m mlflow server --workers 1 --port {port}".split()
        command += ["--artifacts-destination", str(folder)]
        environment = {**os.environ, "MLFLOW_BACKEND_STORE_URI": store}
        super().__init__(command, signal.SIGKILL, env=environment)

    def answers(self) -> bool:
        try:
            urlopen(f"{self.url}/health", timeout=5).close()
        except OSError:
            return False
        return True


class Postgres(Server):
    """PostgreSQL with one user, who needs a password.

    Args:
        folder: of its data, which is another user's where this one is root.
    """

    def __init__(self, folder: Path) -> None:
        programs = self.programs()
        assert programs is not None
        # it refuses to run as root
        user: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        options = user if os.geteuid() == 0 else {}
        password = folder / "password"
        password.write_text(PASSWORD)
        if options:
            shutil.chown(folder, "nobody")
            shutil.chown(password, "nobody")
        self._port = free_port()
        data = str(folder / "data")
        make = [str(programs / "initdb"), "-D", data, "-U", "ada", "--pwfile", str(password)]
        make += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **options)
        command = [str(programs / "postgres"), "-D", data, "-p", str(self._port), "-F", "-k", ""]
        command += ["-c", "listen_addresses=127.0.0.1"]
        # SIGQUIT is its immediate shutdown: on the next start it recovers as after a crash
        super().__init__(command, signal.SIGQUIT, cwd=folder, **options)

    @staticmethod
    def programs() -> Path | None:
        """Where Debian puts the newest version's, if there is one."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        return found[-1].parent if found else None

    def url(self, database: str) -> str:
        """URL of a database."""
        return f"postgresql://ada:{PASSWORD}@127.0.0.1:{self._port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database; returns its URL."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.url(database)

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True
