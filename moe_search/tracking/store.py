"""Opens MLflow's store, and says in one line why it cannot."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.spec.words import one_line

_PATIENCE = 10  # seconds for a server's first answer


def open_store(url: str, create: bool) -> MlflowClient:
    """A client of one store that looks at nothing but its URL.

    Args:
        url: a database or the address of an MLflow server.
        create: make the file of an sqlite store, and its tables, if there is none.

    Raises:
        UserError: it cannot be opened.
    """
    check_store(url, "MLflow")
    with _one_line(url, "MLflow"), _hushed("alembic", "mlflow.store.db.utils"):
        file = _file(url)
        if file is not None and not file.exists():
            if not create:
                raise FileNotFoundError("there is no such file")
            _create(url, file)
        client = MlflowClient(tracking_uri=url, registry_uri=url)
        client.search_experiments(max_results=1)
    return client


def store_exists(url: str) -> bool:
    """Whether there is a store to open: the file of an sqlite one; others answer when opened."""
    file = _file(url)
    return file is None or file.exists()


def check_store(url: str, whose: str) -> None:
    """Find out whether a store can be opened, or its file made, and change nothing.

    MLflow itself tries for minutes to reach a store that is not there.

    Args:
        url: a database or the address of an MLflow server.
        whose: "Optuna" or "MLflow", for the message.

    Raises:
        UserError: it cannot be opened.
    """
    with _one_line(url, whose):
        file = _file(url)
        if url.startswith(("http://", "https://")):
            _ask_server(url)
        elif file is not None and not file.exists():
            folder = next(parent for parent in file.parents if parent.exists())
            if not folder.is_dir():
                raise NotADirectoryError(f"{folder} is not a folder")
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"{folder} cannot be written")
        else:
            engine = sqlalchemy.create_engine(url)
            with engine.connect() as connection:
                sqlalchemy.inspect(connection).get_table_names()
            engine.dispose()


def _file(url: str) -> Path | None:
    """Where an sqlite store lies."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _create(url: str, file: Path) -> None:
    """An empty store that remembers: the dashboard's reads never wait for our writes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    engine.dispose()


def _ask_server(url: str) -> None:
    # an HTTPError is an answer; whether it lets us in is between it and MLflow
    with suppress(HTTPError):
        urlopen(url, timeout=_PATIENCE).close()


@contextmanager
def _one_line(url: str, whose: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError, ImportError, ValueError, MlflowException) as error:
        why = f"{url}: {whose}'s store cannot be opened: {_reason(error)}"
        raise UserError(one_line(why)) from None


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or getattr(error, "reason", None) or error
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.strerror}: {cause.filename}" if cause.filename else cause.strerror
    return str(cause).partition("\n")[0]


@contextmanager
def _hushed(*loggers: str) -> Iterator[None]:
    """Keeps what MLflow tells of making tables off the terminal."""
    levels = {name: logging.getLogger(name).level for name in loggers}
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(logging.WARNING)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
