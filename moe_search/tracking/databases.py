"""Databases on servers: one that goes away is waited for, and one process makes its tables."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Dialect, Engine, func, select
from sqlalchemy.pool import NullPool

PATIENCE = 240.0  # seconds, as long as MLflow's client waits for an MLflow server
_PAUSE = 1.0  # seconds
_TABLES = 0x6D6F65  # "moe"; names the lock among others of the database


def on_server(url: str) -> bool:
    """Whether a database answers from a server, and may go away; a file and MLflow's do not."""
    return not url.startswith(("sqlite:", "http:", "https:"))


def outlast(engine: Engine) -> None:
    """Let an engine wait for a server that goes away, to be called once it has connected.

    It must ping before it uses a connection (``pool_pre_ping``). What the server was answering as
    it went away fails all the same, since nobody knows whether that was written.
    """
    sqlalchemy.event.listen(engine, "do_connect", _connect)


def _connect(dialect: Dialect, _: object, arguments: list[Any], options: dict[str, Any]) -> Any:
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.loaded_dbapi.OperationalError:
            if time.monotonic() > ends:
                raise
        time.sleep(_PAUSE)


@contextmanager
def making_tables(url: str) -> Iterator[None]:
    """Keep others from making the tables of a PostgreSQL database meanwhile, or wait for them.

    Neither Optuna nor MLflow does, and the second of two that begin at once would fail. The lock
    is the connection's, so it ends with the process.
    """
    if not url.startswith("postgresql"):
        yield
        return
    with sqlalchemy.create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(select(func.pg_advisory_lock(_TABLES)))
        yield
