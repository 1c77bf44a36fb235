"""A store in a file."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine

from moe_search.spec.kinds.stores import store_file
from moe_search.stores.kinds.base import Store


class SqliteStore(Store):
    """A file of SQLite, which may be away or damaged."""

    alone = True

    def __init__(self, url: str) -> None:
        super().__init__(url)
        file = store_file(url)
        assert file is not None
        self._file: Path = file

    def exists(self) -> bool:
        """Whether there is the file."""
        return self._file.exists()

    def check(self, whose: str) -> None:
        """Find out whether it is a store, or can be made."""
        if self._file.is_dir():
            raise IsADirectoryError("it is a folder; name a file")
        if self._file.exists():
            super().check(whose)
            return
        folder = next(parent for parent in self._file.parents if parent.exists())
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{folder} cannot be written")

    def check_content(self, connection: sqlalchemy.Connection) -> None:
        """Ask SQLite whether its pages are sound."""
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise sqlite3.DatabaseError(f"it is damaged: {' '.join(found.split())}")

    def create(self) -> None:
        """An empty store that remembers: the dashboard's reads never wait for our writes."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        engine = sqlalchemy.create_engine(self.url)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        engine.dispose()

    def engine_options(self) -> dict[str, Any]:
        """Wait for another that writes."""
        return {"connect_args": {"timeout": 60}}

    def opened_by_optuna(self, engine: Engine) -> None:
        """Write ahead from now on."""
        sqlalchemy.event.listen(engine, "connect", _write_ahead)
        engine.dispose()  # connections opened before the listener


def _write_ahead(connection: Any, _record: object) -> None:
    """One writer, many readers, and no wait for the disk on each commit."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
