"""A damaged file is refused by its path in one line, or is read as what it holds."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.damaged_files import damaged, unless_refused

from moe_search.data import Dataset, load
from moe_search.spec import Data

Made = tuple[Data, Path, bool]
"""What is loaded, the file of it to be damaged, and whether any damage of content is noticed."""


def idx(folder: Path, packed: bool) -> Made:
    rng = np.random.default_rng(0)
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        x, y = rng.integers(0, 256, (20, 28, 28), np.uint8), np.arange(20, dtype=np.uint8) % 10
        for name, array in (("images-idx3", x), ("labels-idx1", y)):
            header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            content, file = header + array.tobytes(), raw / f"{split}-{name}-ubyte"
            if packed:
                file, content = file.with_name(f"{file.name}.gz"), gzip.compress(content)
            file.write_bytes(content)
    damaged_file = "train-labels-idx1-ubyte.gz" if packed else "train-images-idx3-ubyte"
    return Data(name="mnist", root=folder, validation=10), raw / damaged_file, packed


def npz(folder: Path, packed: bool) -> Made:
    rng = np.random.default_rng(0)
    x, y, file = rng.random((30, 5)), np.arange(30) % 3, folder / "own.npz"
    save = np.savez_compressed if packed else np.savez
    save(file, x_train=x, y_train=y, x_test=x, y_test=y)
    return Data(name="arrays", path=file), file, True


def images(folder: Path, suffix: str) -> Made:
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir()
        for n in range(5):
            pixels = rng.integers(0, 256, (9, 12, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{n}{suffix}")
    return Data(name="image_folder", path=folder, image_size=8), folder / "a" / f"3{suffix}", False


def table(folder: Path, suffix: str) -> Made:
    rows, file = np.random.default_rng(0).random((30, 5)), folder / f"own{suffix}"
    frame = pd.DataFrame(rows, columns=list("abcde")).assign(kind=["cat", "dog"] * 15)
    frame.to_csv(file, index=False)
    return Data(name="table", path=file, label="kind"), file, True


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: idx(folder, packed=False),
        lambda folder: idx(folder, packed=True),
        lambda folder: npz(folder, packed=False),
        lambda folder: npz(folder, packed=True),
        lambda folder: table(folder, ".csv.gz"),
        lambda folder: table(folder, ".csv.bz2"),
        lambda folder: table(folder, ".csv.xz"),
        lambda folder: table(folder, ".csv.zip"),
        lambda folder: images(folder, ".png"),
        lambda folder: images(folder, ".jpg"),
        lambda folder: images(folder, ".bmp"),
        lambda folder: images(folder, ".webp"),
    ],
    ids=[
        *("idx", "idx.gz", "npz", "npz packed", "csv.gz", "csv.bz2", "csv.xz", "csv.zip"),
        *("png", "jpg", "bmp", "webp"),
    ],
)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(data=st.data())
def test_damage_is_refused_or_read_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], Made], data: st.DataObject
) -> None:
    source, file, checked = make(tmp_path_factory.mktemp("data"))
    whole = load(source, test=True)
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    found = unless_refused(file, lambda: load(source, test=True))
    if found is None:
        return
    assert found.shape == whole.shape
    assert bool(np.isfinite(found.train.x).all())
    if checked:
        assert same(found, whole)


def same(one: Dataset, other: Dataset) -> bool:
    return all(
        bool((a.x == b.x).all() and (a.y == b.y).all())
        for a, b in ((one.train, other.train), (one.validation, other.validation))
    )
