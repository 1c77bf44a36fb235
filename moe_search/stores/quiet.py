"""Keeps what Optuna says of itself off the terminal."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.exceptions import ExperimentalWarning


@contextmanager
def without_warning() -> Iterator[None]:
    """Keep from people that Optuna calls something experimental: they did not choose it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def silence() -> None:
    """Keep Optuna's own log lines out of the progress display."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
