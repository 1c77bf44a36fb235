"""Files and folders that systems leave among a user's own."""

from collections.abc import Iterator
from pathlib import Path

_FOLDERS = ("__MACOSX", "@eaDir", "__pycache__", "$RECYCLE.BIN", "System Volume Information")
"""What they are called; others begin with a dot."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder is such, by its name."""
    return name.startswith(".") or name in _FOLDERS


def visible(folder: Path, pattern: str) -> Iterator[Path]:
    """The files of a folder whose names fit, but those that are hidden."""
    return (file for file in folder.glob(pattern) if not is_hidden(file.name))
