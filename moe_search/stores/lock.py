"""The lock by which one process alone owns a study."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.spec.kinds.stores import Addresses
from moe_search.stores.checks import reason
from moe_search.stores.kinds import store_at
from moe_search.words import one_line


@contextmanager
def study_lock(name: str, addresses: Addresses) -> Iterator[None]:
    """Hold a study alone, by a file beside its artifacts and in a PostgreSQL database.

    The system, or the database, takes the lock from a process that dies. Who holds it stands in a
    second file, since on Windows nobody else can read the first.

    Args:
        name: of the study.
        addresses: of its results.

    Raises:
        UserError: another process holds it, or the database does not answer.
    """
    folder, url = addresses.artifacts, addresses.optuna
    folder.mkdir(parents=True, exist_ok=True)
    we = f"process {os.getpid()} on {socket.gethostname()}"
    holder = folder / f"{name}.lock.held"
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(folder / f"{name}.lock", blocking=False))
        except Timeout:
            raise _held(name, _text(holder) or "another process") from None
        try:
            other = stack.enter_context(store_at(url).holding(name, we))
        except SQLAlchemyError as error:
            why = f"{url}: Optuna's store cannot be opened: {reason(error)}"
            raise UserError(one_line(why)) from None
        if other:
            raise _held(name, other)
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        holder.write_text(f"{we} since {since}")
        try:
            yield
        finally:
            with suppress(OSError):  # a disk that fails has its own error
                holder.unlink()


def _text(holder: Path) -> str:
    """Who holds a study; nothing where that is not written yet."""
    try:
        return holder.read_text().strip()
    except OSError:
        return ""


def _held(name: str, holder: str) -> UserError:
    return UserError(f"study {name!r} is held by {holder}; wait for its end, or end it")
