"""Data sets that Hugging Face's ``datasets`` saved, of images or of rows; read without it.

They lie as Arrow streams in a folder, or in one folder a split; or as Parquet files named by split.

Shape suffixes: N sample, C channel.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from moe_search.data.columns import likely_label
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.files.images import decode_all, typical_form
from moe_search.data.files.split_words import SPLITS
from moe_search.data.files.table_folders import split_files
from moe_search.data.files.tables import Frame
from moe_search.data.labels import classes_of
from moe_search.data.sets.base import DataSet, Survey, own_path, surveyed
from moe_search.data.sets.table import SPLIT, from_frame, labelled, to_drop
from moe_search.data.split import with_drawn_test
from moe_search.errors import UserError
from moe_search.progress import Note, Progress
from moe_search.spec.sections import Data
from moe_search.words import one_line

_DICT, _STATE = "dataset_dict.json", "state.json"
Table = Any
"""A pyarrow.Table, whose columns are mapped into memory."""


class HuggingFace(DataSet):
    """A folder of ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk``, or Parquet files."""

    def read(self, source: Data, test: bool, progress: Progress) -> Raw:
        """Images of ``source.image_size`` and ``source.channels``, or rows as of a table.

        ``source.label`` names the column of classes; by default it is the one that says so.

        Raises:
            UserError: the folder is damaged, has no training split, no labels or unreadable images.
        """
        path = own_path(source)
        tables, left_out = _tables(path)
        if left_out:
            progress(Note(f"{path}: left out, as no split is called so: {', '.join(left_out)}"))
        label = source.label or _label(tables["train"], path)
        labels = {split: _labels(table, label, path) for split, table in tables.items()}
        image = _image_column(tables["train"])
        if image is None:
            return _rows(tables, labels, source.model_copy(update={"label": label}), test, progress)
        where = f"{path}: column {label}"
        known = {
            split: np.flatnonzero([v is not None for v in each]) for split, each in labels.items()
        }
        texts = {s: np.array([labels[s][i] for i in rows], object) for s, rows in known.items()}
        classes = classes_of(texts["train"], where)

        files = {
            split: _images(tables[split], image, rows.tolist(), path)
            for split, rows in known.items()
            if len(rows) and (test or split != "test")
        }
        samples: dict[str, Samples] = {}
        for split, (x_NHWC, kept) in decode_all(files, source, progress).items():
            numbers = classes.numbers(texts[split], where)[kept]
            samples[split] = Split(x_NHWC.transpose(0, 3, 1, 2), numbers)
        if classes.mapping():
            progress(Note(f"{path}: {classes.mapping()}"))
        training, held_out = samples["train"], samples.get("test")
        if not len(known.get("test", ())):  # some are published without their classes
            training, held_out = with_drawn_test(training, source.seed)
        return Raw(training, held_out if test else None, classes.names, samples.get("validation"))

    def claims(self, path: Path) -> bool:
        """Whether it is such a folder, or one of Parquet files with images."""
        if not path.is_dir():
            return False
        if (path / _DICT).is_file() or (path / _STATE).is_file():
            return True
        files = [file for file in split_files(path).get("train", []) if file.suffix == ".parquet"]
        return bool(files) and _image_column(_parquet(files[:1])) is not None

    def survey(self, source: Data, progress: Progress) -> Survey:
        """Look at its labels, and at its columns or some of its images, as of other such data."""
        path = own_path(source)
        tables, _ = _tables(path)
        training = tables["train"]
        label, image = _label(training, path), _image_column(training)
        keys: dict[str, Any] = {"label": label}
        comments = {"label": "what is predicted"}
        notes: tuple[str, ...] = ()
        if image is None:
            dropped, notes = to_drop(labelled(_frame(tables), label), (label, SPLIT))
            keys |= dropped
        else:
            form = typical_form(_images(training, image, range(training.num_rows), path), progress)
            keys |= {"image_size": form.side, "channels": form.channels}
            comments |= form.comments
        chosen_keys = source.model_copy(update=keys)
        found = surveyed(chosen_keys, self.read(chosen_keys, True, progress))
        return replace(found, comments=comments, notes=notes)


HUGGINGFACE = HuggingFace()


def _tables(path: Path) -> tuple[dict[str, Table], list[str]]:
    """The rows of train, and of validation and test where there are such; what is none of them.

    Raises:
        UserError: the folder is damaged, has no training rows, or two splits for one use.
    """
    import pyarrow as pa

    left_out: list[str] = []
    try:
        if (path / _DICT).is_file():
            names, left_out = _splits(path)
            found = {split: _arrow(path / name) for split, name in names.items()}
        elif (path / _STATE).is_file():
            found = {"train": _arrow(path)}
        else:
            files = split_files(path)
            found = {split: _parquet(each) for split, each in files.items()}
            used = [file for each in files.values() for file in each]
            left_out = [f.name for f in sorted(path.glob("*.parquet")) if f not in used]
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(
            one_line(f"{path}: no readable folder of save_to_disk or of Parquet files ({error})")
        ) from error
    if "train" not in found or not found["train"].num_rows:
        has = ", ".join([*found, *left_out]) or "none"
        raise UserError(f"{path}: has no split train with rows; it has {has}")
    return found, left_out


def _splits(path: Path) -> tuple[dict[str, str], list[str]]:
    """What the training, validation and test split are called in a folder; the other splits."""
    found: dict[str, str] = {}
    left_out = []
    for name in json.loads((path / _DICT).read_bytes())["splits"]:
        split = SPLITS.get(name)
        if split is None:
            left_out.append(name)
        elif split in found:
            raise UserError(
                f"{path}: the splits {found[split]} and {name} are both for {split}; take one of "
                f"them out of {_DICT}"
            )
        else:
            found[split] = name
    return found, left_out


def _arrow(folder: Path) -> Table:
    import pyarrow as pa

    files = [one["filename"] for one in json.loads((folder / _STATE).read_bytes())["_data_files"]]
    parts = [
        pa.ipc.open_stream(pa.memory_map(str(folder / Path(n).name))).read_all() for n in files
    ]
    return pa.concat_tables(parts)


def _parquet(files: list[Path]) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    return pa.concat_tables([parquet.read_table(file) for file in files])


def _features(table: Table) -> Mapping[str, Any]:
    """What the library says of each column; nothing of what another program wrote."""
    try:
        features = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _label(table: Table, path: Path) -> str:
    """The column of classes: one that says so, or the likely one."""
    features = _features(table)
    said = [
        n for n, f in features.items() if isinstance(f, dict) and f.get("_type") == "ClassLabel"
    ]
    image = _image_column(table)
    others = [name for name in table.column_names if name != image]
    likely = said[0] if said else likely_label(table.select(others).to_pandas())
    if likely is None:
        names = ", ".join(table.column_names)
        raise UserError(f"{path}: data.label: name the column to predict; columns are {names}")
    return likely


def _labels(table: Table, label: str, path: Path) -> list[Any]:
    """Each row's class by its name where the column has names; None where it has no class."""
    if label not in table.column_names:
        columns = ", ".join(table.column_names)
        raise UserError(f"{path}: data.label: no column {label}; columns are {columns}")
    values: list[Any] = table.column(label).to_pylist()
    feature = _features(table).get(label)
    names = feature.get("names") if isinstance(feature, dict) else None
    if not names:
        return values
    unknown = [v for v in values if v is not None and not -1 <= v < len(names)]
    if unknown:
        raise UserError(f"{path}: column {label}: label {unknown[0]} has no name")
    return [None if v in (None, -1) else names[v] for v in values]


def _image_column(table: Table) -> str | None:
    """The column of images, each the content of a file; None of rows."""
    for field in table.schema:
        if hasattr(field.type, "fields") and {"bytes", "path"} <= {f.name for f in field.type}:
            return str(field.name)
    return None


def _images(table: Table, column: str, rows: Any, path: Path) -> list[tuple[Path | bytes, str]]:
    """The content or the file of each image, with its name."""
    found: list[tuple[Path | bytes, str]] = []
    values = table.column(column)
    for row in rows:
        image = values[row].as_py() or {}
        content, file = image.get("bytes"), image.get("path") or ""
        name = f"{path}: row {row}" + (f" ({file})" if file else "")
        found.append((content if content is not None else path / file, name))
    return found


def _rows(
    tables: Mapping[str, Table],
    labels: Mapping[str, list[Any]],
    source: Data,
    test: bool,
    progress: Progress,
) -> Raw:
    """Rows as of a table."""
    of_all = [label for split in tables for label in labels[split]]
    frame = _frame(tables).assign(**{str(source.label): of_all})
    return from_frame(frame, source, str(source.path), test, progress)


def _frame(tables: Mapping[str, Table]) -> Frame:
    """The rows of all splits, with their split in a column of its own."""
    import pandas as pd

    frames = [
        table.to_pandas(ignore_metadata=True).assign(**{SPLIT: split})
        for split, table in tables.items()
    ]
    return pd.concat(frames, ignore_index=True)
