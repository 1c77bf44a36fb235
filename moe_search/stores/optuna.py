"""Opens Optuna's store."""

from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.stores.kinds import store_at


def open_storage(url: str) -> RDBStorage:
    """Open or create the storage.

    Raises:
        UserError: it cannot be opened.
    """
    store = store_at(url)
    try:
        if not store.exists():
            store.create()
        with store.making_tables():
            storage = RDBStorage(url, engine_kwargs=store.engine_options())
        store.opened_by_optuna(storage.engine)
    except (SQLAlchemyError, OSError, ImportError, RuntimeError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(f"storage.optuna: cannot open {url}: {cause}") from error
    return storage
