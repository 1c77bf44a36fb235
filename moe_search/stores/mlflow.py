"""Opens MLflow's store, and says in one line why it cannot."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.stores.servers import making_tables, on_server, outlast
from moe_search.words import one_line

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
    with _one_line(url, "MLflow"), hushed("alembic", "mlflow.store.db.utils"):
        file = sqlite_file(url)
        if file is not None and not file.exists():
            if not create:
                raise FileNotFoundError("there is no such file")
            _create(url, file)
        with making_tables(url):
            client = MlflowClient(tracking_uri=url, registry_uri=url)
            client.search_experiments(max_results=1)
        if on_server(url):
            for kind in (Runs, Registry):
                outlast(kind._get_or_create_engine(url))
    return client


def store_exists(url: str) -> bool:
    """Whether there is a store to open: the file of an sqlite one; others answer when opened."""
    file = sqlite_file(url)
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
        file = sqlite_file(url)
        if url.startswith(("http://", "https://")):
            _ask_server(url)
        elif file is not None and file.is_dir():
            raise IsADirectoryError("it is a folder; name a file")
        elif file is not None and not file.exists():
            folder = next(parent for parent in file.parents if parent.exists())
            if not folder.is_dir():
                raise NotADirectoryError(f"{folder} is not a folder")
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"{folder} cannot be written")
        else:
            engine = sqlalchemy.create_engine(url)
            with engine.connect() as connection:
                tables = set(sqlalchemy.inspect(connection).get_table_names())
                if file is not None:
                    _check_pages(connection)
                _check_tables(tables, whose, alone=file is not None)
            engine.dispose()


def _check_pages(connection: sqlalchemy.Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise sqlite3.DatabaseError(f"it is damaged: {' '.join(found.split())}")


_FIRST_TABLES = {"Optuna": {"studies", "version_info"}, "MLflow": {"experiments"}}
"""Which tables are there as soon as others are."""


def _check_tables(tables: set[str], whose: str, alone: bool) -> None:
    """Refuse what another program keeps its tables in; a server's database may have some more."""
    if tables & _FIRST_TABLES[whose]:
        return
    others = set().union(*_FIRST_TABLES.values()) & tables
    if others or (alone and tables):
        found = min(others or tables)
        raise ValueError(f"it is another program's, with a table {found}; name another")


def sqlite_file(url: str) -> Path | None:
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


_FAILURES = (OSError, SQLAlchemyError, sqlite3.Error, ImportError, ValueError, MlflowException)


@contextmanager
def _one_line(url: str, whose: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        why = f"{url}: {whose}'s store cannot be opened: {reason(error)}"
        raise UserError(one_line(why)) from None


def reason(error: BaseException) -> str:
    """Why a store failed, in one line."""
    cause = getattr(error, "orig", None) or getattr(error, "reason", None) or error
    root: BaseException | None = cause
    while root is not None:
        if isinstance(root, OSError) and root.strerror:
            return f"{root.strerror}: {root.filename}" if root.filename else root.strerror
        root = root.__cause__ or root.__context__  # a client of HTTP wraps what the system said
    text = str(cause).partition("\n")[0]
    if type(cause) is sqlite3.DatabaseError:  # what is in the file, not how it is opened
        text = f"{text}; put a sound copy in its place, or name another file"
    return text


@contextmanager
def hushed(*loggers: str, level: int = logging.WARNING) -> Iterator[None]:
    """Keeps off the terminal what loggers say below a level, such as MLflow of making tables."""
    before = {name: logging.getLogger(name).level for name in loggers}
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(level)
        yield
    finally:
        for name, earlier in before.items():
            logging.getLogger(name).setLevel(earlier)
