"""A store in PostgreSQL, which has locks that end with who holds them."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy import func, select, text
from sqlalchemy.pool import NullPool

from moe_search.stores.kinds.server import ServerStore

_RELEASE = 2.0  # seconds in which the server notices that a connection has ended
_TABLES, _STUDIES = 0x6D6F65, 0x6D6F66  # "moe" and after it: names of locks in a database
_HOLDER = """
    SELECT application_name, date_trunc('second', backend_start)::text
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND (classid::int, objid::int) = (:kind, :key)
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class PostgresqlStore(ServerStore):
    """A database of PostgreSQL."""

    @contextmanager
    def making_tables(self) -> Iterator[None]:
        """Keep others from making the tables meanwhile, or wait for them.

        Neither Optuna nor MLflow does, and the second of two that begin at once would fail. The
        lock is the connection's, so it ends with the process.
        """
        with sqlalchemy.create_engine(self.url, poolclass=NullPool).connect() as connection:
            connection.execute(select(func.pg_advisory_lock(_TABLES)))
            yield

    @contextmanager
    def holding(self, name: str, who: str) -> Iterator[str]:
        """Hold a study, for machines that share nothing else.

        The lock is the connection's, so it ends with the process. A server that was restarted has
        forgotten it.
        """
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:3])
        engine = sqlalchemy.create_engine(
            self.url,
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
