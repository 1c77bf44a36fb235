"""Files that commands write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moe_search.errors import UserError


def check_folder(option: str, file: Path | None) -> None:
    """Refuse a file in a folder that is not there, before there is anything to write.

    Raises:
        UserError: there is no such folder.
    """
    if file is not None and not file.parent.is_dir():
        raise UserError(f"{option} {file}: no such folder; make it first")


@contextmanager
def writing(option: str, file: Path) -> Iterator[None]:
    """Write a file that an option names.

    Raises:
        UserError: it cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{option} {file}: {error.strerror or error}") from None
