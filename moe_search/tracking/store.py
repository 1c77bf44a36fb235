"""Opens MLflow's store, and says in one line why it cannot."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.spec.words import one_line

_PATIENCE = 10  # seconds for a server's first answer


def open_store(url: str, create: bool) -> MlflowClient:
    """A client of one store that looks at nothing but its URL.

    MLflow itself tries for minutes to reach a store that is not there, so that is found out first.

    Args:
        url: a database or the address of an MLflow server.
        create: make the file of an sqlite store, and its tables, if there is none.

    Raises:
        UserError: it cannot be opened; credentials in its URL are not shown.
    """
    try:
        _reach(url, create)
        with _hushed("alembic", "mlflow.store.db.utils"):
            client = MlflowClient(tracking_uri=url, registry_uri=url)
            client.search_experiments(max_results=1)
    except (OSError, SQLAlchemyError, ImportError, ValueError, MlflowException) as error:
        why = f"{shown(url)}: MLflow's store cannot be opened: {_reason(error, url)}"
        raise UserError(one_line(why)) from None
    return client


def shown(url: str) -> str:
    """A store's URL without what a person keeps to themselves."""
    if url.startswith("sqlite"):
        return url
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def _reach(url: str, create: bool) -> None:
    if url.startswith(("http://", "https://")):
        parts = urlsplit(url)
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        try:
            urlopen(address, timeout=_PATIENCE).close()
        except HTTPError:
            return  # it answers; whether it lets us in is between it and MLflow
        return
    new = False
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        new = not file.exists()
        if new and not create:
            raise FileNotFoundError("there is no such file")
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        if new:
            # The file remembers it; then the dashboard's reads never wait for our writes.
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        sqlalchemy.inspect(connection).get_table_names()
    engine.dispose()


def _reason(error: Exception, url: str) -> str:
    cause = getattr(error, "orig", None) or getattr(error, "reason", None) or error
    if isinstance(cause, OSError) and cause.strerror:
        text = f"{cause.strerror}: {cause.filename}" if cause.filename else cause.strerror
    else:
        text = str(cause).partition("\n")[0]
    password = make_url(url).password
    return text.replace(str(password), "***") if password else text


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
