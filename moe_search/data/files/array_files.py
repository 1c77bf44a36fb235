"""Arrays by what they are for, from an .npz file or a folder of .npy files; nothing is unpickled.

An array of a folder is mapped into memory, not read, until it is used. One of an .npz file is read
when it is asked for; if it is too large for memory, into a file that is mapped.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.files.damage import DAMAGE
from moe_search.data.files.hidden import visible
from moe_search.data.files.split_words import SPLITS, SplitName
from moe_search.data.mapped import is_large, new_array
from moe_search.data.sets.base import own_path
from moe_search.errors import UserError
from moe_search.spec.sections import Data
from moe_search.words import one_line

_KINDS = {
    "x": "xs?|data|features?|images?|imgs?|inputs?|samples|embeddings?",
    "y": "ys?|labels?|targets?|class|classes",
}
_USUAL: dict[SplitName, str] = {"train": "train", "validation": "val", "test": "test"}
_EXPECTED = (
    "x_train and y_train, perhaps x_val, y_val, x_test and y_test; or X and y, data and labels"
)
_OTHERS = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "one array without labels; put x_train and y_train into an .npz file, or each "
    "as an .npy file into a folder",
}
_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_BLOCK = 2**20  # bytes

_TEXT = (".csv", ".tsv", ".txt")


class ArrayFiles:
    """The arrays of an .npz file or of a folder of .npy files.

    Args:
        source: whose path is the file or folder, and which says where large arrays may lie.
        names: of its arrays.
        archive: the open file; None for a folder.

    Raises:
        UserError: two arrays may be the same thing.
    """

    def __init__(self, source: Data, names: Iterable[str], archive: Any = None) -> None:
        self._source = source
        self._path = path = own_path(source)
        self._archive = archive
        self._names: dict[tuple[str, SplitName], str] = {}
        for name in names:
            role = _role(name)
            if role in self._names:
                raise UserError(f"{path}: {self._names[role]} and {name} are the same; keep one")
            if role is not None:
                self._names[role] = name

    def has(self, split: SplitName) -> bool:
        """Whether there are samples or labels of a split."""
        return ("x", split) in self._names or ("y", split) in self._names

    def name(self, kind: str, split: SplitName) -> str:
        """What the array of a kind, x or y, is called; as it should be where there is none."""
        return self._names.get((kind, split), f"{kind}_{_USUAL[split]}")

    def array(self, kind: str, split: SplitName) -> npt.NDArray[Any]:
        """An array.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        name = self.name(kind, split)
        if (kind, split) not in self._names:
            raise UserError(f"{self._path}: has no {name}, expected {_EXPECTED}")
        try:
            if self._archive is not None:
                array = _large_member(self._archive, name, self._source)
                array = self._archive[name] if array is None else array
            else:
                array = np.load(self._path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except DAMAGE as error:
            why = " ".join(str(error).split())
            if why.startswith("Object arrays"):
                why = "Python objects, which may run code; save text with .astype(str)"
            raise UserError(one_line(f"{self._path}: {name}: cannot be read ({why})")) from error
        if not isinstance(array, np.ndarray):
            raise UserError(f"{self._path}: {name}: not an array")
        return array


@contextmanager
def open_arrays(source: Data) -> Iterator[ArrayFiles]:
    """The arrays of ``source.path``, an .npz file or a folder of .npy files.

    Raises:
        UserError: it is neither.
    """
    path = own_path(source)
    if path.is_dir():
        names = sorted(file.stem for file in visible(path, "*.npy"))
        if not names:
            raise UserError(f"{path}: not a folder of .npy files; expected {_EXPECTED}")
        yield ArrayFiles(source, names)
        return
    with _open(path) as archive:
        yield ArrayFiles(source, archive.files, archive)


def _open(path: Path) -> Any:
    start = b""
    try:
        with path.open("rb") as file:
            start = file.read(8)
        archive = np.load(path, allow_pickle=False)
    except DAMAGE as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "damaged"
        if path.suffixes and set(path.suffixes) & set(_TEXT):
            why = "a table of text"
        why = next((told for magic, told in _OTHERS.items() if start.startswith(magic)), why)
        raise UserError(f"{path}: not a readable .npz file ({why})") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise UserError(f"{path}: not an .npz file: {_OTHERS[start[:6]]}")
    return archive


def _large_member(archive: Any, name: str, source: Data) -> npt.NDArray[Any] | None:
    """An array of an .npz file that is too large for memory, in a file; None of others.

    Raises:
        UserError: there is no room for it.
    """
    member = f"{name}.npy"
    if member not in archive.zip.namelist():
        return None
    with archive.zip.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            return None
        shape, fortran, dtype = _HEADERS[version](file)
        if dtype.hasobject or not is_large(shape):
            return None
        array = new_array(shape[::-1] if fortran else shape, dtype, source)
        left = array.reshape(-1).view(np.uint8)
        while len(left):
            count = file.readinto(left[:_BLOCK])
            if not count:
                raise EOFError("ends too early")
            left = left[count:]
        file.read(1)  # at the end its checksum is compared
    return array.T if fortran else array


def _role(name: str) -> tuple[str, SplitName] | None:
    """Which kind and split a name stands for, such as X_train, trainLabels or y."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    for kind, words in _KINDS.items():
        if re.fullmatch(words, plain):
            return kind, "train"
        for word, split in SPLITS.items():
            if re.fullmatch(f"(?:{words}){word}|{word}(?:{words})", plain):
                return kind, split
    return None
