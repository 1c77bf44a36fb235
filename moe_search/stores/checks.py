"""Whether a store can be opened; says in one line why it cannot.

Nothing of MLflow is imported here, which takes a second: Optuna's store alone answers much.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.stores.kinds import store_at
from moe_search.words import one_line


def check_store(url: str, whose: str) -> None:
    """Find out whether a store can be opened, or its file made, and change nothing.

    MLflow itself tries for minutes to reach a store that is not there.

    Args:
        url: a database or the address of an MLflow server.
        whose: "Optuna" or "MLflow", for the message.

    Raises:
        UserError: it cannot be opened.
    """
    with opening(url, whose):
        store_at(url).check(whose)


_FAILURES: tuple[type[Exception], ...] = (
    *(OSError, SQLAlchemyError, sqlite3.Error),
    *(ImportError, ValueError),
)


@contextmanager
def opening(url: str, whose: str, *failures: type[Exception]) -> Iterator[None]:
    """Tell in one line why a store cannot be opened.

    Args:
        url: of the store.
        whose: "Optuna" or "MLflow", for the message.
        failures: what its own library raises.

    Raises:
        UserError: it cannot.
    """
    try:
        yield
    except _FAILURES + failures as error:
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
