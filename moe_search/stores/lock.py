"""The lock by which one process alone owns a study."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.spec import Study
from moe_search.stores.mlflow import reason
from moe_search.stores.servers import holding
from moe_search.words import one_line


@contextmanager
def locked(study: Study) -> Iterator[None]:
    """Hold the study alone, by a file beside its artifacts and in a PostgreSQL database.

    The system, or the database, takes the lock from a process that dies.

    Raises:
        UserError: another process holds it, or the database does not answer.
    """
    folder = study.artifacts_folder
    folder.mkdir(parents=True, exist_ok=True)
    we = f"process {os.getpid()} on {socket.gethostname()}"
    with (folder / f"{study.name}.lock").open("a+") as file, ExitStack() as database:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _held(study, file.read().strip() or "another process") from None
        try:
            other = database.enter_context(holding(study.optuna_url, study.name, we))
        except SQLAlchemyError as error:
            why = f"{study.optuna_url}: Optuna's store cannot be opened: {reason(error)}"
            raise UserError(one_line(why)) from None
        if other:
            raise _held(study, other)
        file.truncate(0)
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        file.write(f"{we} since {since}")
        file.flush()
        yield


def _held(study: Study, holder: str) -> UserError:
    return UserError(f"study {study.name!r} is held by {holder}; wait for its end, or end it")
