"""A store on a database server, which is waited for when it goes away."""

import time
from typing import Any

import sqlalchemy
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs
from sqlalchemy import Dialect, Engine

from moe_search.stores.kinds.base import Store

PATIENCE = 240.0  # seconds, as long as MLflow's client waits for an MLflow server
_PAUSE = 1.0  # seconds


class ServerStore(Store):
    """A database on a server, which may go away and come back."""

    def engine_options(self) -> dict[str, Any]:
        """Ask before a connection is used whether it still is one."""
        return {"pool_pre_ping": True}

    def opened_by_optuna(self, engine: Engine) -> None:
        """Wait for the server from now on."""
        _outlast(engine)

    def opened_by_mlflow(self) -> None:
        """The same for the engines of its runs and its registry."""
        for kind in (Runs, Registry):
            _outlast(kind._get_or_create_engine(self.url))


def _outlast(engine: Engine) -> None:
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
