"""Databases on servers: one that goes away is waited for; locks in PostgreSQL's."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Dialect, Engine, func, select, text
from sqlalchemy.pool import NullPool

PATIENCE = 240.0  # seconds, as long as MLflow's client waits for an MLflow server
_PAUSE = 1.0  # seconds
_RELEASE = 2.0  # seconds in which the server notices that a connection has ended
_TABLES, _STUDIES = 0x6D6F65, 0x6D6F66  # "moe" and after it: names of locks in a database
_HOLDER = """
    SELECT application_name, date_trunc('second', backend_start)::text
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND (classid::int, objid::int) = (:kind, :key)
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


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


@contextmanager
def holding(url: str, name: str, who: str) -> Iterator[str]:
    """Hold a study in a PostgreSQL database, for machines that share nothing else.

    The lock is the connection's, so it ends with the process. A server that was restarted has
    forgotten it.

    Args:
        url: of the database; in others nothing is held.
        name: of the study.
        who: holds it.

    Yields:
        Who holds it already, and since when; nothing where nobody does.
    """
    if not url.startswith("postgresql"):
        yield ""
        return
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:3])
    engine = sqlalchemy.create_engine(
        url,
        poolclass=NullPool,
        pool_reset_on_return=None,  # nothing is to be told of a connection that was lost
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        ends = time.monotonic() + _RELEASE
        ask = select(func.pg_try_advisory_lock(_STUDIES, key))
        while not (held := connection.scalar(ask)) and time.monotonic() < ends:
            time.sleep(0.1)
        if held:
            connection.execute(select(func.set_config("application_name", who, False)))
            yield ""
            return
        found = connection.execute(text(_HOLDER), {"kind": _STUDIES, "key": key}).first()
        yield " since ".join(filter(None, found or ())) or "another process"
