"""Folders of tables, a file or more a split."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moe_search.data.files.split_words import SPLITS
from moe_search.data.files.tables import (
    COMMA,
    Frame,
    has_decimal_comma,
    is_table,
    is_text,
    read_table,
)
from moe_search.errors import UserError
from moe_search.progress import Progress, silent


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The tables of a folder by split, as their names begin: train.csv, test-00000-of-00001..."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        word = file.name.lower().replace("_", "-").split(".")[0].split("-")[0]
        if is_table(file) and word in SPLITS:
            found.setdefault(SPLITS[word], []).append(file)
    return found


def refuse_copies(by_split: Mapping[str, Sequence[Path]]) -> None:
    """Refuse several files of one split, unless their names differ in numbers alone, as parts do.

    Raises:
        UserError: they are not parts of one table: copies would be trained on and tested on.
    """
    for split, files in by_split.items():
        first, *others = files
        for file in others:
            if re.sub(r"\d+", "0", file.name) != re.sub(r"\d+", "0", first.name):
                raise UserError(
                    f"{file}: for {split}, as is {first.name}; keep one, or name parts of one "
                    f"table {split}-1, {split}-2"
                )


def read_tables(
    files: Sequence[Path], label: str | None = None, progress: Progress = silent
) -> list[Frame]:
    """Files that are one table, and read alike.

    A column of which any file makes text is text in all of them: else the codes 01 and 02 of a file
    would be the numbers 1 and 2, but text beside 2A in another. Where one has decimal commas, 1.000
    is a thousand in all of them.

    Raises:
        UserError: what ``read_table`` raises.
    """
    frames = [read_table(file, label, progress=progress) for file in files]
    kinds: dict[str, set[str]] = {}
    for frame in frames:
        for name in frame.columns:
            kinds.setdefault(name, set()).update(_kind(frame[name]))
    texts = [name for name, found in kinds.items() if len(found) > 1]
    commas = {has_decimal_comma(frame) for frame in frames}
    if not texts and len(commas) == 1:
        return frames
    frames = [
        read_table(file, label, texts=texts, decimal_comma=any(commas)) if is_text(file) else frame
        for file, frame in zip(files, frames, strict=True)
    ]
    for frame in frames:
        frame.attrs[COMMA] = any(commas)  # frames of unlike ones have none once they are one
    return frames


def _kind(values: Any) -> set[str]:
    """The kind of a column's values; none where all are missing."""
    known = values.dropna().infer_objects()
    kind = "number" if known.dtype.kind in "iufb" else known.dtype.kind  # true is 1
    return {kind} if len(known) else set()
