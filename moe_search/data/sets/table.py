"""A user's own table: a row a sample, a column a feature, and a column of labels."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.data.columns import Kind, learnable, likely_label, look_at_each, written_number
from moe_search.data.dataset import Ints, Raw, Samples, Split
from moe_search.data.files.split_words import SPLITS
from moe_search.data.files.table_folders import read_tables, refuse_copies, split_files
from moe_search.data.files.tables import Frame, is_table, read_table
from moe_search.data.frame_rows import FrameRows
from moe_search.data.labels import classes_of
from moe_search.data.sets.base import DataSet, Survey, own_path, surveyed
from moe_search.data.split import with_drawn_test
from moe_search.errors import UserError
from moe_search.progress import Note, Progress, silent
from moe_search.spec.sections import Data
from moe_search.words import did_you_mean, show

SPLIT = "split of the file"
"""The column that a folder of a file a split adds."""


class Table(DataSet):
    """A file of rows, or a folder of such files named by split: train.csv, test.csv."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Read a table as a data frame, with what each of its columns holds.

        ``source.label`` names the column to predict, ``source.columns`` those to learn from, or
        ``source.drop`` those to leave out, ``source.split`` the one that says train, validation or
        test. Without a test split a stratified fifth of the training rows is it, drawn by
        ``source.seed``.

        Raises:
            UserError: the file is missing or damaged, a column is not there or cannot be learned
                from, or labels are no classes.
        """
        path = own_path(source)
        rows = read_rows(path, source.label, progress)
        return from_frame(rows.frame, source, str(path), test, progress, rows.lacking)

    def claims(self, path: Path) -> bool:
        """Whether it is named as a table, or a folder with a table of training rows."""
        return is_table(path) if path.is_file() else "train" in split_files(path)

    def survey(self, source: Data, progress: Progress) -> Survey:
        """Look at its columns: which is likely to be predicted, and which say nothing."""
        path = own_path(source)
        frame = read_rows(path, None).frame
        split = _likely_split(frame)
        label = likely_label(frame[_names(frame, split)])
        if label is None:
            raise UserError(
                f"{path}: no column is likely to be predicted; name it as data.label of "
                f"data: {{name: table, path: {path.name}, label: ...}}; {_has(frame)}"
            )
        rows = read_rows(path, label, progress)
        dropped, notes = to_drop(labelled(rows.frame, label), (label, split, SPLIT), rows.lacking)
        keys: dict[str, Any] = {"label": label, **dropped}
        keys |= {"split": split} if split else {}
        chosen = source.model_copy(update=keys)
        raw = from_frame(rows.frame, chosen, str(path), True, progress, rows.lacking)
        return replace(
            surveyed(chosen, raw),
            comments={"label": "what is predicted", "split": "train, validation or test"},
            notes=notes,
        )


TABLE = Table()


@dataclass(frozen=True)
class Rows:
    """The rows of a table.

    Attributes:
        frame: all of them; those of a folder have their split in a column of its own.
        lacking: columns of training that another file of the folder has not; which, in words.
    """

    frame: Frame
    lacking: Mapping[str, str] = field(default_factory=dict)


def to_drop(
    frame: Frame, others: Collection[str | None], lacking: Mapping[str, str] | None = None
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The key ``drop`` for columns, but some others, that say nothing of a sample; a note of each.

    There is no such key where there are no such columns.
    """
    names = [name for name in frame.columns if name not in others]
    columns = look_at_each(frame, names, _training(frame), lacking)
    drop = {
        column.name: column.why_not
        for column in columns
        if column.kind is None or column.identifies
    }
    notes = tuple(f"{name} is dropped: {why}." for name, why in drop.items())
    return {"drop": tuple(drop)} if drop else {}, notes


def read_rows(path: Path, label: str | None, progress: Progress = silent) -> Rows:
    """The rows of a file, or of a folder's files by split.

    Raises:
        UserError: there are none.
    """
    if not path.is_dir():
        return Rows(read_table(path, label, progress=progress))
    import pandas as pd

    by_split = split_files(path)
    if "train" not in by_split:
        raise UserError(f"{path}: has no table whose name begins with train, such as train.csv")
    refuse_copies(by_split)
    files = {file: split for split, each in by_split.items() for file in each}
    frames = dict(zip(files, read_tables([*files], label, progress), strict=True))
    parts = [frame.assign(**{SPLIT: files[file]}) for file, frame in frames.items()]
    training = {name for file in by_split["train"] for name in frames[file].columns}
    lacking = {
        name: f"{file.name} has no such column"
        for file, frame in frames.items()
        if label is None or label in frame.columns  # or else its rows are left out
        for name in training.difference(frame.columns)
    }
    return Rows(pd.concat(parts, ignore_index=True), lacking)


def labelled(frame: Frame, label: str) -> Frame:
    """The rows that have a label."""
    return frame[frame[label].notna()].reset_index(drop=True)


def from_frame(
    frame: Frame,
    source: Data,
    where: str,
    test: bool,
    progress: Progress,
    lacking: Mapping[str, str] | None = None,
) -> Raw:
    """A data set of a data frame's rows; see ``Table.read`` and ``Rows``.

    Raises:
        UserError: a column is not there or cannot be learned from, or labels are no classes.
    """
    label, split = _named(frame, source, where)
    unlabelled = int(frame[label].isna().sum())
    if unlabelled:
        progress(Note(f"{where}: {unlabelled:,} rows without a label ({label}) are left out"))
        frame = labelled(frame, label)
    rows = {"train": np.arange(len(frame))} if split is None else _rows(frame, split, where)
    names, named = _features(frame, source, label, split), bool(source.columns)
    if not names:
        raise UserError(f"{where}: no column is left to learn from; {_left_out(frame, source)}")
    kinds = learnable(frame, names, where, _training(frame), lacking, named)
    _tell_written(frame, kinds, where, progress)
    y, place = _plain(frame[label]), f"{where}: column {label}"
    classes = classes_of(y[rows["train"]], place)
    if classes.mapping():
        progress(Note(f"{where}: {classes.mapping()}"))
    x = frame[list(kinds)]

    def part(name: str) -> Samples | None:
        if name not in rows:
            return None
        own = rows[name]
        return Split(FrameRows(x, own), classes.numbers(y[own], place))

    training, held_out = part("train"), part("test")
    assert training is not None
    if held_out is None:
        training, held_out = with_drawn_test(training, source.seed)
    return Raw(training, held_out if test else None, classes.names, part("validation"), kinds)


def _named(frame: Frame, source: Data, where: str) -> tuple[str, str | None]:
    """The columns of labels and of splits, once all that are named are found."""
    split = source.split or (SPLIT if SPLIT in frame.columns else None)
    if source.label is None:
        likely = likely_label(frame[_names(frame, split)])
        hint = f", perhaps {likely}" if likely else ""
        raise UserError(f"{where}: data.label: name the column to predict{hint}; {_has(frame)}")
    if source.columns and source.drop:
        raise UserError(f"{where}: give data.features or data.drop, not both")
    for key in ("label", "split", "features", "drop"):
        given = getattr(source, key) or ()
        for name in (given,) if isinstance(given, str) else given:
            if name not in frame.columns:
                near = did_you_mean(name, frame.columns)
                raise UserError(f"{where}: data.{key}: no column {show(name)}{near} {_has(frame)}")
    return source.label, split


def _names(frame: Frame, split: str | None = None) -> list[str]:
    """Columns of a user's own, but that of splits."""
    return [name for name in frame.columns if name not in (SPLIT, split)]


def _has(frame: Frame) -> str:
    names = _names(frame)
    return f"columns are {', '.join(names[:20])}" + (", ..." if len(names) > 20 else "")


def _features(frame: Frame, source: Data, label: str, split: str | None) -> list[str]:
    others: Iterable[str] = source.columns or frame.columns
    left_out = {label, split, SPLIT, *source.drop}
    return [name for name in others if name not in left_out]


def _left_out(frame: Frame, source: Data) -> str:
    """Why there are no features, in words."""
    if not source.drop:
        return _has(frame)
    columns = look_at_each(frame, source.drop, _training(frame))
    each = [f"{column.name} ({column.why_not or 'as data.drop says'})" for column in columns]
    numbered = ", ".join(column.name for column in columns if column.identifies and column.kind)
    return f"left out are {'; '.join(each)}" + (
        f"; data.features may name {numbered}" if numbered else ""
    )


def _tell_written(frame: Frame, kinds: Mapping[str, Kind], where: str, progress: Progress) -> None:
    """Says which categories look like numbers to a person."""
    for name in [name for name, kind in kinds.items() if kind == "category"]:
        if word := written_number(frame[name]):
            progress(
                Note(
                    f"{where}: column {name}: values such as {show(word)} are categories; write "
                    "them as plain numbers if they are to be numbers"
                )
            )


def _likely_split(frame: Frame) -> str | None:
    """A column that says the split of each row, by its name and its values."""
    for name in frame.columns:
        if not re.fullmatch("split|set|subset|partition|fold|usage", name.lower()):
            continue
        words = {str(word).strip().lower() for word in frame[name].dropna()}
        if words <= SPLITS.keys() and "train" in map(SPLITS.get, words):
            return str(name)
    return None


def _rows(frame: Frame, split: str, where: str) -> dict[str, npt.NDArray[np.int64]]:
    """Numbers of the rows of each split."""
    words = frame[split].map(lambda word: str(word).strip().lower())
    wrong = sorted(set(map(str, words)) - SPLITS.keys())
    if wrong:
        raise UserError(
            f"{where}: column {split}: {show(wrong[0])} is no split; expected train, validation "
            "or test"
        )
    names = words.map(SPLITS)
    found = {name: np.flatnonzero(names == name) for name in ("train", "validation", "test")}
    if not len(found["train"]):
        raise UserError(f"{where}: column {split}: no row is train")
    return {name: rows for name, rows in found.items() if len(rows)}


def _training(frame: Frame) -> Ints | None:
    """Numbers of the rows of training, where there is a file a split."""
    return np.flatnonzero(frame[SPLIT] == "train") if SPLIT in frame.columns else None


def _plain(labels: Any) -> npt.NDArray[Any]:
    """A column of labels as an array: of its own type where NumPy has it, or else of objects."""
    if labels.dtype.kind in "iufb" and isinstance(labels.dtype, np.dtype):
        return np.asarray(labels)
    return np.asarray(labels.to_numpy(dtype=object))
