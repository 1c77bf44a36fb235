"""Arrays that lie in files: mapped into memory by all who use them, and read as they are used.

Shape suffixes: N sample, B sample that is asked for, S a sample's own axes.
"""

import mmap
import os
import shutil
import socket
import sys
import tempfile
import weakref
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.dataset import Dataset, Ints, Moments, Samples, Split
from moe_search.data.frame_rows import FrameRows
from moe_search.data.normalise import as_numbers, normalise
from moe_search.errors import UserError
from moe_search.spec.sections import Data
from moe_search.words import GOES_ON, size

RESIDENT = 600 * 10**6
"""Bytes that the samples of a data set may have as float32 for it to be held in memory whole.

A worker takes about 700 MB without them, most of it for torch with CUDA.
"""

_FLOAT = 4  # bytes
_MOST_TOUCHED = 2**27  # bytes of maps, after which a process lets go of them
_READAHEAD = 2**16  # bytes around a sample that the system maps with it
_PREFIX = ".moe-search-"
_SUFFIX = ".array"

_removers: "dict[Path, weakref.finalize[Any, Any]]" = {}

Place = tuple[Path, int, np.dtype[Any], tuple[int, ...], tuple[int, ...]]
"""Where an array lies: file, first byte, type, shape and strides."""


class NoRoomError(UserError):
    """Data does not fit beside the study."""


class Mapped:
    """Samples in a file, read when they are asked for.

    The system keeps what it reads as long as there is memory, once for all processes; a process
    itself soon lets go of it.

    Attributes:
        stored_NS: the array, as it lies in the file.

    Args:
        stored_NS: the same.
        index_N: which of its samples these are; None for all.
        moments: by which they are normalised when they are read; None to have them as stored.
    """

    def __init__(
        self,
        stored_NS: npt.NDArray[Any],
        index_N: Ints | None = None,
        moments: Moments | None = None,
    ) -> None:
        self.stored_NS = np.asarray(stored_NS)  # else Ray would copy it once more
        self._index_N, self._moments = index_N, moments

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, S]."""
        return (len(self), *self.stored_NS.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored."""
        return self.stored_NS.dtype

    def __len__(self) -> int:
        return len(self.stored_NS if self._index_N is None else self._index_N)

    def __getitem__(self, rows: slice | Ints) -> npt.NDArray[Any]:
        """Some samples, [B, S]: as stored; or normalised, float32."""
        x_BS = self.stored_NS[rows if self._index_N is None else self._index_N[rows]]
        _touched.add(self.stored_NS, max(x_BS.nbytes, len(x_BS) * _READAHEAD))
        return x_BS if self._moments is None else normalise(as_numbers(x_BS), *self._moments)

    def chosen(self, index_N: Ints) -> "Mapped":
        """Some of them."""
        known = index_N if self._index_N is None else self._index_N[index_N]
        return Mapped(self.stored_NS, known, self._moments)

    def normalised(self, moments: Moments) -> "Mapped":
        """The same, to be normalised when they are read."""
        return Mapped(self.stored_NS, self._index_N, moments)


def chosen(split: Samples, indices_N: Ints) -> Samples:
    """The samples at some indices; what lies in a file or a data frame is not read yet."""
    x = as_mapped(split.x)
    lazy = isinstance(x, Mapped | FrameRows)
    return Split(x.chosen(indices_N) if lazy else x[indices_N], split.y[indices_N])


def as_mapped(x: Any) -> Any:
    """The same where it is in memory; samples that are read when they are asked for, of a file."""
    return Mapped(x) if isinstance(x, np.ndarray) and place_of(x) is not None else x


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether samples of a shape [N, S] are too large to be held in memory as float32."""
    return prod(shape) * _FLOAT > RESIDENT


def new_array(shape: tuple[int, ...], dtype: npt.DTypeLike, source: Data) -> npt.NDArray[Any]:
    """An array in a new file beside the study, which goes when the last view of it does.

    Raises:
        NoRoomError: ``data.cache`` or the disk has no room for it.
    """
    wanted = prod(shape) * np.dtype(dtype).itemsize
    path = new_file(wanted, source)
    try:
        if hasattr(os, "posix_fallocate"):  # a map of a full disk would end the process
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, max(wanted, 1))
        array = np.memmap(path, dtype, "r+" if wanted else "w+", shape=shape)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise NoRoomError(
            f"{path.parent}: no room for the data ({error.strerror}); {GOES_ON}"
        ) from error
    _removers[path] = weakref.finalize(array, _unlink, path)
    return np.asarray(array)


def new_file(wanted: int, source: Data) -> Path:
    """A new file for so many bytes beside the study; one that a killed run left goes.

    Raises:
        NoRoomError: ``data.cache`` or the disk has no room for it.
    """
    folder = source.beside
    _remove_orphans(folder)
    own = f"{_PREFIX}{socket.gethostname()}-{os.getpid()}-"
    used = sum(file.stat().st_size for file in folder.glob(f"{own}*{_SUFFIX}"))
    if used + wanted > source.cache:
        raise NoRoomError(
            f"data.cache: {size(source.cache)} are too few: the data takes {size(used + wanted)} "
            f"in {folder}; give it more, or use less of the data (data.image_size)"
        )
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise NoRoomError(
            f"{folder}: the data takes {size(wanted)}, but {size(free)} are free; {GOES_ON}"
        )
    handle, name = tempfile.mkstemp(_SUFFIX, own, folder)
    os.close(handle)
    return Path(name)


def remove_files(data: Dataset) -> None:
    """Remove the files that were made for a data set, and none of a user's own.

    They would go with it, but the traceback of an error may keep it for long.
    """
    for split in filter(None, (data.train, data.validation, data.test)):
        place = place_of(split.x.stored_NS if isinstance(split.x, Mapped) else split.x)
        if place and (remover := _removers.pop(place[0], None)):
            remover()


def where_it_lies(data: Dataset) -> str:
    """Whether workers hold the data in memory or read it from the disk, in words."""
    splits = (data.train, data.validation, data.test)
    arrays = {id(split.x): split.x for split in splits if split is not None}.values()
    is_mapped = any(isinstance(x, Mapped) for x in arrays)
    where = "stays on the disk, mapped" if is_mapped else "is held in memory, shared"
    taken = size(sum(prod(x.shape) * x.dtype.itemsize for x in arrays))
    many = f"{sum(data.samples.values()):,} samples"
    return f"the data {where} by all workers: {many}, {taken}"


def place_of(array: npt.NDArray[Any]) -> Place | None:
    """Where an array lies; None of one in memory."""
    root, _ = _root(array)
    if root is None or root.filename is None:
        return None
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    path = Path(root.filename).absolute()
    return path, root.offset + start, array.dtype, array.shape, array.strides


def open_place(
    path: Path, start: int, dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...]
) -> npt.NDArray[Any]:
    """The array that lies there; what is written into it stays with this process."""
    whole = np.memmap(path, np.uint8, "c")
    return np.ndarray(shape, dtype, whole, start, strides)


def _root(array: npt.NDArray[Any]) -> "tuple[np.memmap[Any, Any] | None, object]":
    """The mapped array of which one is a view, and the owner of its memory."""
    root, base = None, array.view()
    while isinstance(base, np.ndarray):
        root = base if isinstance(base, np.memmap) else root
        base = base.base  # type: ignore[assignment]
    return root, base


class _Touched:
    """What a process has read of its maps since it last let go of them.

    Pages that a process lets go of come again when they are used.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._maps: dict[int, mmap.mmap] = {}

    def add(self, array: npt.NDArray[Any], count: int) -> None:
        """So many bytes of an array are about to be read; let go of all if those are many."""
        _, owner = _root(array)
        if isinstance(owner, mmap.mmap):
            self._maps[id(owner)] = owner
            self._bytes += count
        if self._bytes > _MOST_TOUCHED and hasattr(mmap, "MADV_DONTNEED"):
            for owner in self._maps.values():
                owner.madvise(mmap.MADV_DONTNEED)
            self._bytes, self._maps = 0, {}


_touched = _Touched()


def _remove_orphans(folder: Path) -> None:
    """Remove the files of processes of this machine that were killed."""
    if sys.platform == "win32":  # where asking for a process may end it
        return
    for file in folder.glob(f"{_PREFIX}{socket.gethostname()}-*{_SUFFIX}"):
        number = file.name.removeprefix(f"{_PREFIX}{socket.gethostname()}-").split("-")[0]
        if number.isdecimal() and not _lives(int(number)):
            _unlink(file)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _unlink(path: Path) -> None:
    """Remove a file; one that cannot be goes with the next run."""
    with suppress(OSError):
        path.unlink()
