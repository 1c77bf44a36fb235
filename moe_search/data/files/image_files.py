"""Files below a folder that are images by name, and what there is to say of the others."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from moe_search.data.files.hidden import is_hidden
from moe_search.data.files.images import SUFFIXES

_NOT_READ = (".heic", ".heif", ".jxl", ".jp2", ".dng", ".svg")  # images, but none of Pillow's


def image_files(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Whatever lies below a folder and is named as an image; other files are counted."""
    for inner, names in sorted(_walk(folder)):
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield Path(inner, name)
            else:
                left_out[Path(name).suffix.lower()] += 1


def class_folders(folder: Path) -> tuple[str, ...]:
    """The names of the folders in one, of which each may be a class, in order."""
    return tuple(sorted(e.name for e in folder.iterdir() if e.is_dir() and _is_below(e)))


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Folders below one, each once, with the names of their files; nothing that is hidden."""
    seen: set[str] = set()
    for inner, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if _is_below(Path(inner, name)))
        real = os.path.realpath(inner)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield inner, [name for name in names if not is_hidden(name)]


def _is_below(folder: Path) -> bool:
    """Whether it is none that is hidden, and no link that leads back to a folder it lies in."""
    return not is_hidden(folder.name) and not (
        folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
    )


def words_left_out(left_out: Mapping[str, int]) -> str:
    """How many files are not read, by suffix, in words."""
    ordered = sorted(left_out.items(), key=lambda one: (-one[1], one[0]))
    each = ", ".join(f"{suffix or 'without suffix'} {n:,}" for suffix, n in ordered)
    count = sum(left_out.values())
    anew = to_save_anew(left_out)
    what = "1 file is" if count == 1 else f"{count:,} files are"
    kind = "is no image" if count == 1 else "are no images"
    return f"{what} left out, which {kind} by name: {each}{anew}"


def to_save_anew(suffixes: Iterable[str]) -> str:
    """Which suffixes are those of images that are not read, to end a message with."""
    found = sorted({suffix.lower() for suffix in suffixes} & set(_NOT_READ))
    return f"; save {', '.join(found)} as .jpg or .png" if found else ""
