"""What is half-written in MLflow when writing it fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException


@contextmanager
def failing(mark: Callable[[], object], away: type[Exception] = MlflowException) -> Iterator[None]:
    """Mark what is written in here as failed where it fails, and raise on.

    Args:
        mark: does so, in a store.
        away: an error that tells that the store does not answer: it is not asked again, which would
            let us wait for minutes once more.
    """
    try:
        yield
    except (MlflowException, away):
        raise
    except BaseException:
        mark()
        raise
