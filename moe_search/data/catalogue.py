"""Where published data sets lie, and how one that is missing is fetched."""

import contextlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from moe_search.data.sets import idx
from moe_search.errors import UserError
from moe_search.progress import Note, Progress, Working


@dataclass(frozen=True)
class Published:
    """A data set in torchvision's layout.

    Attributes:
        torchvision: its class there.
        folder: the folder with its files, below a root.
        files: what must be there, each plain or gzipped.
        elsewhere: further places of that folder: below a root, or absolute.
    """

    torchvision: str
    folder: str
    files: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()


PUBLISHED = {
    "mnist": Published("MNIST", "MNIST/raw", idx.FILES),
    "fashion_mnist": Published(
        "FashionMNIST", "FashionMNIST/raw", idx.FILES, ("/usr/share/datasets/fashion-mnist",)
    ),
    "cifar10": Published(
        "CIFAR10",
        "cifar-10-batches-py",
        (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
        ("CIFAR10/cifar-10-batches-py",),
    ),
    "cifar100": Published(
        "CIFAR100",
        "cifar-100-python",
        ("train", "test", "meta"),
        ("CIFAR100/cifar-100-python",),
    ),
}


def user_cache() -> Path:
    """The folder into which data sets are downloaded."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "moe-search" / "data"


def locate(name: str, root: Path | None, progress: Progress) -> Path:
    """The folder with the files of a published data set, downloaded where it is nowhere.

    Looked for below ``root``, $MOE_SEARCH_DATA and the user's cache folder, in this order.

    Raises:
        UserError: it is nowhere and could not be downloaded.
    """
    published = PUBLISHED[name]
    named = os.environ.get("MOE_SEARCH_DATA")
    roots = [root, Path(named).absolute() if named else None, user_cache()]
    for place in filter(None, roots):
        for folder in (published.folder, *published.elsewhere):
            if _complete(place / folder, published.files):
                return place / folder
    _download(published, progress)
    return user_cache() / published.folder


def _complete(folder: Path, files: tuple[str, ...]) -> bool:
    return all((folder / f).is_file() or (folder / f"{f}.gz").is_file() for f in files)


def _download(published: Published, progress: Progress) -> None:
    """Fetch with torchvision beside the cache and move in whole: never half a data set there."""
    from torchvision import datasets

    cache = user_cache()
    target = cache / published.folder
    progress(Note(f"downloading {published.torchvision} to {target}"))
    progress(Working(f"downloading {published.torchvision}"))
    # torchvision prints, and draws a bar whether or not there is a terminal
    unheard = io.StringIO()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".download-", dir=cache) as partial,
            contextlib.redirect_stdout(unheard),
            contextlib.redirect_stderr(unheard),
        ):
            getattr(datasets, published.torchvision)(partial, download=True)
            (Path(partial) / published.folder).rename(target)
    except (RuntimeError, OSError, EOFError, HTTPException, tarfile.TarError) as error:
        raise UserError(
            f"{published.torchvision}: not found and not downloaded "
            f"({' '.join(str(error).split())}); put {', '.join(published.files)} into {target}, "
            f"or into {published.folder} below data.root or $MOE_SEARCH_DATA"
        ) from error
