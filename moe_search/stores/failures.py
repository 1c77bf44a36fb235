"""A disk or a store that fails while a study runs, told in one line.

Whatever fails, nothing is lost by it: what a trial had reached when it failed is what a death at
that moment leaves, and is mended by the next start (see ``coordinator``).
"""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from moe_search.errors import UserError
from moe_search.spec.kinds.stores import Addresses
from moe_search.stores.checks import hushed, reason
from moe_search.words import GOES_ON, one_line

_OF_THE_DISK = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM),
)


@contextmanager
def as_user_error(addresses: Addresses) -> Iterator[None]:
    """Raise what a disk or a store that fails raises as a ``UserError``; the rest as it is.

    Raises:
        UserError: a store does not answer, or is damaged, full or read-only; or a folder is.
    """
    try:
        with hushed("mlflow.store.db.utils", level=logging.CRITICAL):
            yield
    except Exception as error:
        found = _first(addresses, error)
        if found is None:
            raise
        raise UserError(one_line(f"{found}; {GOES_ON}")) from error


def _first(addresses: Addresses, error: BaseException | None) -> str | None:
    """Where and why the first failure was of those that led to an error, if any was."""
    found = None
    while error is not None and not isinstance(error, UserError):
        found = _failure(addresses, error) or found
        error = error.__cause__ or error.__context__
    return found


def _failure(addresses: Addresses, error: BaseException) -> str | None:
    from mlflow.exceptions import MlflowException  # takes a second; nothing has failed so far

    cause = error.__cause__ or error.__context__
    match error:
        case StorageInternalError() if isinstance(cause, SQLAlchemyError):
            url, whose = addresses.optuna, "Optuna"
        case MlflowException() if isinstance(cause, SQLAlchemyError | OSError):
            url, whose = addresses.mlflow, "MLflow"
        case OSError() if error.errno in _OF_THE_DISK:
            where = error.filename2 or error.filename or addresses.artifacts
            return f"{where}: {error.strerror}"
        case _:
            return None
    return f"{url}: {whose}'s store failed: {reason(cause)}"
