"""Where published data sets lie, and how one that is missing is fetched."""

import contextlib
import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from moe_search.errors import UserError
from moe_search.progress import Note, Progress, Working


@dataclass(frozen=True)
class Files:
    """The files of a published data set in torchvision's layout.

    Attributes:
        torchvision: its class there.
        folder: the folder with its files, below a root.
        names: what must be there, each plain or gzipped.
        either: of which one must be there, likewise.
        elsewhere: further places of that folder: below a root, or absolute.
        root: the folder, below a root, that torchvision takes for the root.
        parts: what is fetched one after another, as arguments of torchvision's class.
        page: where people fetch it themselves, if torchvision cannot.
    """

    torchvision: str
    folder: str
    names: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    root: str = ""
    parts: tuple[Mapping[str, str | bool], ...] = ({},)
    page: str = ""


def user_cache() -> Path:
    """The folder into which data sets are downloaded."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "moe-search" / "data"


def locate(files: Files, root: Path | None, progress: Progress) -> Path:
    """The folder with the files of a published data set, downloaded where it is nowhere.

    Looked for below ``root``, $MOE_SEARCH_DATA and the user's cache folder, in this order.

    Raises:
        UserError: it is nowhere and could not be downloaded.
    """
    found = find(files, root)
    if found is None:
        _download(files, progress)
    return found or user_cache() / files.folder


def find(files: Files, root: Path | None) -> Path | None:
    """The folder with the files of a published data set; None where it is nowhere (see above)."""
    named = os.environ.get("MOE_SEARCH_DATA")
    roots = [root, Path(named).absolute() if named else None, user_cache()]
    for place in filter(None, roots):
        for folder in (files.folder, *files.elsewhere):
            if _complete(place / folder, files):
                return place / folder
    return None


def _complete(folder: Path, files: Files) -> bool:
    def lies(name: str) -> bool:
        return (folder / name).exists() or (folder / f"{name}.gz").is_file()

    return all(map(lies, files.names)) and (not files.either or any(map(lies, files.either)))


def _download(files: Files, progress: Progress) -> None:
    """Fetch with torchvision beside the cache and move in whole: never half a data set there."""
    from torchvision import datasets

    cache = user_cache()
    target = cache / files.folder
    if files.page:
        raise UserError(
            f"{files.torchvision}: not found; fetch it from {files.page}, and {_put(files)}"
        )
    progress(Note(f"downloading {files.torchvision} to {target}"))
    progress(Working(f"downloading {files.torchvision}"))
    # torchvision prints, and draws a bar whether or not there is a terminal
    unheard = io.StringIO()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".download-", dir=cache) as partial,
            contextlib.redirect_stdout(unheard),
            contextlib.redirect_stderr(unheard),
        ):
            for part in files.parts:
                root = Path(partial) / files.root
                getattr(datasets, files.torchvision)(root, download=True, **part)
            (Path(partial) / files.folder).rename(target)
    except (RuntimeError, OSError, EOFError, HTTPException, tarfile.TarError) as error:
        if _complete(target, files):  # another process was first
            return
        raise UserError(
            f"{files.torchvision}: not found and not downloaded "
            f"({' '.join(str(error).split())}); {_put(files)}"
        ) from error


def _put(files: Files) -> str:
    """Where a person puts the files, in words."""
    what = ", ".join([*files.names, *filter(None, [" or ".join(files.either)])])
    return (
        f"put {what} into {user_cache() / files.folder}, "
        f"or into {files.folder} below data.root or $MOE_SEARCH_DATA"
    )
