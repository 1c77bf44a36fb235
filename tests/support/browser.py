"""Looking at pages in a real browser."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000  # ms; the first page of a server takes the longest


def see(shown: "Locator") -> None:
    """Wait until the first of what is looked for shows."""
    from playwright.sync_api import expect

    expect(shown.first).to_be_visible(timeout=PATIENCE)


def see_picture(picture: "Locator") -> None:
    """Wait until an image has been loaded and could be read."""
    see(picture)
    picture.first.evaluate("image => image.decode()")
    assert picture.first.evaluate("image => image.naturalWidth") > 0


@contextmanager
def dashboards(command: str, study: Path) -> Iterator[tuple[str, str]]:
    """Both dashboards run, from one command; the pages that it names, Optuna's and MLflow's."""
    local = ("127.0.0.1", 0)
    with socket.create_server(local) as one, socket.create_server(local) as other:
        ports = [str(probe.getsockname()[1]) for probe in (one, other)]
    options = ["--optuna-port", ports[0], "--mlflow-port", ports[1]]
    with subprocess.Popen(
        [command, "dashboard", str(study), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            optuna, mlflow = (process.stdout.readline().split()[1] for _ in range(2))
            yield optuna, mlflow
        finally:
            process.send_signal(signal.SIGINT)
