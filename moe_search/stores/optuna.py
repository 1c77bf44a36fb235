"""Opens Optuna's store."""

from typing import Any

import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.spec import Study
from moe_search.stores.servers import making_tables, outlast


def open_storage(study: Study) -> RDBStorage:
    """Open or create the storage.

    Raises:
        UserError: it cannot be opened.
    """
    url = study.optuna_url
    sqlite = url.startswith("sqlite:")
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} if sqlite else {}
    try:
        with making_tables(url):
            storage = RDBStorage(url, engine_kwargs={"pool_pre_ping": not sqlite, **options})
        if sqlite:
            sqlalchemy.event.listen(storage.engine, "connect", _write_ahead)
            storage.engine.dispose()  # connections opened before the listener
        else:
            outlast(storage.engine)
    except (SQLAlchemyError, OSError, ImportError, RuntimeError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(f"storage.optuna: cannot open {url}: {cause}") from error
    return storage


def _write_ahead(connection: Any, _record: object) -> None:
    """One writer, many readers, and no wait for the disk on each commit."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
