"""What is asked of a store of any kind, whose URL alone is looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import sqlalchemy
from sqlalchemy import Engine

FIRST_TABLES = {"Optuna": {"studies", "version_info"}, "MLflow": {"experiments"}}
"""Which tables are there as soon as others are."""

_VERSION = "alembic_version"  # a table of MLflow's


class Store:
    """A store that may be there or not.

    Args:
        url: one of the kind.
    """

    alone = False
    """Whether whoever keeps a store has it to itself."""

    def __init__(self, url: str) -> None:
        self.url = url

    def exists(self) -> bool:
        """Whether there is a store to open; where only opening it tells, there is."""
        return True

    def check(self, whose: str) -> None:
        """Find out whether it can be opened, or made, and change nothing.

        Args:
            whose: "Optuna" or "MLflow", which keeps its tables there.

        Raises:
            OSError, SQLAlchemyError, sqlite3.Error, ImportError, ValueError: it cannot.
        """
        engine = sqlalchemy.create_engine(self.url)
        with engine.connect() as connection:
            tables = set(sqlalchemy.inspect(connection).get_table_names())
            self.check_content(connection)
            self._check_tables(tables, whose)
            if whose == "MLflow" and _VERSION in tables:
                _check_version(connection)
        engine.dispose()

    def check_content(self, connection: sqlalchemy.Connection) -> None:
        """Find out whether what it holds is sound, as far as can be told soon."""

    def create(self) -> None:
        """Make it, empty; where others make stores, nothing is to be done."""

    @contextmanager
    def making_tables(self) -> Iterator[None]:
        """Keep others from making its tables meanwhile, or wait for them."""
        yield

    @contextmanager
    def holding(self, name: str, who: str) -> Iterator[str]:
        """Hold a study in it, for machines that share nothing else; many stores cannot.

        Args:
            name: of the study.
            who: holds it.

        Yields:
            Who holds it already, and since when; nothing where nobody does, or cannot.
        """
        yield ""

    def engine_options(self) -> dict[str, Any]:
        """How Optuna is to open it, as arguments of SQLAlchemy's engine."""
        return {}

    def opened_by_optuna(self, engine: Engine) -> None:
        """Make an engine ready that Optuna has opened."""

    def opened_by_mlflow(self) -> None:
        """Make MLflow's engines ready, once it has opened them."""

    def _check_tables(self, tables: set[str], whose: str) -> None:
        """Refuse another program's tables; a database that is not ours alone may have some more."""
        if tables & FIRST_TABLES[whose]:
            return
        others = set().union(*FIRST_TABLES.values()) & tables
        if others or (self.alone and tables):
            found = min(others or tables)
            raise ValueError(f"it is another program's, with a table {found}; name another")


def _check_version(connection: sqlalchemy.Connection) -> None:
    """Refuse a store of another version of MLflow, which might change its tables unasked."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    settings = _get_alembic_config(db_url="")  # type: ignore[no-untyped-call]
    script = ScriptDirectory.from_config(settings)
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION}").scalar()
    if found == script.get_current_head():
        return
    if found in {revision.revision for revision in script.walk_revisions()}:
        raise ValueError(
            "it is of an older MLflow; keep a copy of it, then run 'mlflow db upgrade' on it"
        )
    raise ValueError(f"it is of a newer MLflow than {version('mlflow')}; upgrade MLflow here")
