"""Data too large for memory: it stays in files, and is the same as data that is held."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from moe_search.data import Dataset, Reader, load, mapped
from moe_search.data.mapped import Mapped, new_array, open_place, place_of, where_it_lies
from moe_search.errors import UserError
from moe_search.progress import silent
from moe_search.spec import Data
from moe_search.spec.file.load import check_study

N = 60


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (N, 3, 6, 5), np.uint8)
    y = np.arange(N) % 3
    return {"x_train": x, "y_train": y, "x_test": x[::2], "y_test": y[::2]}


def folder_of_bytes(path: Path) -> Data:
    for name, array in arrays().items():
        np.save(path / f"{name}.npy", array)
    return Data(name="arrays", path=path)


def folder_in_fortrans_order(path: Path) -> Data:
    x = np.asfortranarray(arrays()["x_train"].transpose(0, 2, 3, 1).astype(">f8") * 1e3)
    np.save(path / "x.npy", x)
    np.save(path / "y.npy", arrays()["y_train"])
    return Data(name="arrays", path=path)


def packed(path: Path) -> Data:
    np.savez_compressed(path / "packed.npz", **arrays())
    return Data(name="arrays", path=path / "packed.npz")


def packed_rows(path: Path) -> Data:
    """Of whole numbers, in Fortran's order, without a test split."""
    x = np.asfortranarray(np.random.default_rng(0).integers(-9, 9, (N, 7), np.int16))
    np.savez(path / "rows.npz", X=x, y=arrays()["y_train"])
    return Data(name="arrays", path=path / "rows.npz")


def images(path: Path) -> Data:
    for number, (pixels, label) in enumerate(
        zip(arrays()["x_train"], arrays()["y_train"], strict=True)
    ):
        file = path / "pictures" / str(label) / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(file)
    file.write_bytes(b"no image")
    return Data(name="image_folder", path=path / "pictures", image_size=6, unreadable="skip")


def table(path: Path) -> Data:
    rows = [f"{n % 7},{n * 1e8},{'abc'[n % 3]}" for n in range(N)]
    (path / "rows.csv").write_text("\n".join(["size,weight,kind", *rows]))
    return Data(name="table", path=path / "rows.csv", label="kind")


SOURCES = [folder_of_bytes, folder_in_fortrans_order, packed, packed_rows, images, table]


def both(source: Data, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, Dataset]:
    """Held in memory, and in files."""
    held = load(source, test=True)
    monkeypatch.setattr(mapped, "RESIDENT", 100)
    return held, load(source, test=True)


@pytest.mark.parametrize("make", SOURCES)
def test_what_is_mapped_is_what_would_be_held(
    make: Callable[[Path], Data], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, large = both(make(tmp_path), monkeypatch)
    assert (held.mean, held.std, held.classes) == (large.mean, large.std, large.classes)
    assert held.preprocessing == large.preprocessing
    for split in ("train", "validation", "test"):
        ours, theirs = getattr(held, split), getattr(large, split)
        assert isinstance(theirs.x, Mapped)
        assert (ours.x.shape, ours.y.tolist()) == (theirs.x.shape, theirs.y.tolist())
        assert theirs.x[:].dtype == np.float32
        assert np.array_equal(ours.x, theirs.x[:])
        some = np.array([5, 2, 2])
        assert np.array_equal(ours.x[some], theirs.x[some])
    assert "the data is held in memory, shared by all workers: " in where_it_lies(held)
    assert "the data stays on the disk, mapped by all workers: " in where_it_lies(large)


@pytest.mark.parametrize("make", [folder_of_bytes, folder_in_fortrans_order])
def test_arrays_of_a_folder_are_not_copied(
    make: Callable[[Path], Data], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path)
    monkeypatch.setattr(mapped, "RESIDENT", 100)
    monkeypatch.setattr(mapped, "new_file", None)
    assert load(source, test=True).samples["training"]


@pytest.mark.parametrize("make", [packed, images, table])
def test_copies_lie_beside_the_study_and_go_with_the_data(
    make: Callable[[Path], Data], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside := tmp_path / "study").mkdir()
    source = make(tmp_path).placed(beside)
    for limit in (100, 10**9):
        monkeypatch.setattr(mapped, "RESIDENT", limit)
        dataset = load(source, test=True)
        assert list(beside.iterdir())
        del dataset
        gc.collect()
        assert not list(beside.iterdir())


@pytest.mark.parametrize("make", [packed, images, table])
def test_they_are_bounded_by_the_study(make: Callable[[Path], Data], tmp_path: Path) -> None:
    (beside := tmp_path / "study").mkdir()
    source = make(tmp_path).placed(beside).model_copy(update={"cache": 200})
    with pytest.raises(UserError, match=r"data\.cache: 200 bytes are too few: the data takes"):
        load(source, test=True)
    gc.collect()
    assert not list(beside.iterdir())


@pytest.mark.parametrize("make", [packed, images, table])
def test_what_is_kept_of_another_study_goes_where_it_leaves_no_room(
    make: Callable[[Path], Data], tmp_path: Path
) -> None:
    (beside := tmp_path / "study").mkdir()
    first = make(tmp_path).placed(beside)
    alone = load(first, test=True)
    taken = sum(file.stat().st_size for file in beside.iterdir())
    mapped.remove_files(alone)
    tight = {"cache": taken + taken // 2}
    with closing(Reader()) as read:
        kept = read(first.model_copy(update=tight), True, silent)
        other = read(first.model_copy(update={"seed": 1, **tight}), True, silent)
        assert sum(file.stat().st_size for file in beside.iterdir()) == taken
        assert kept.train.x[:].shape == other.train.x[:].shape
        with pytest.raises(UserError, match=r"data\.cache: 200 bytes are too few"):
            read(first.model_copy(update={"seed": 2, "cache": 200}), True, silent)
    gc.collect()
    assert not list(beside.iterdir())


def test_they_are_bounded_by_the_disk(tmp_path: Path) -> None:
    source = Data(name="digits", cache=10**17).placed(tmp_path)
    with pytest.raises(UserError, match=r"the data takes 10 TB, but .* are free"):
        new_array((10**13,), np.uint8, source)
    assert not list(tmp_path.iterdir())


def test_a_study_without_a_place_for_them_has_the_systems(tmp_path: Path) -> None:
    assert Data(name="digits").placed(tmp_path / "nowhere").beside == Data(name="digits").beside


def test_what_a_killed_process_left_goes_and_what_another_uses_stays(tmp_path: Path) -> None:
    code = """
import os, signal, sys
import numpy as np
from pathlib import Path
from moe_search.data.mapped import new_array
from moe_search.spec import Data
x = new_array((10,), np.uint8, Data(name="digits").placed(Path(sys.argv[1])))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    process = left.name.split("-")[-2]
    (tmp_path / left.name.replace(f"-{process}-", f"-{os.getppid()}-")).touch()
    ours = new_array((10,), np.uint8, Data(name="digits").placed(tmp_path))
    assert not left.exists()
    assert len(list(tmp_path.iterdir())) == 2
    del ours


def test_an_array_in_a_file_is_known_by_its_place(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(120).reshape(6, 4, 5))
    whole = np.load(tmp_path / "x.npy", mmap_mode="r")
    for view in (whole, whole[2:].transpose(0, 2, 1), whole[::-2, :, 3], np.asarray(whole)[1:]):
        place = place_of(view)
        assert place is not None
        again = open_place(*place)
        assert np.array_equal(again, view)
        assert place_of(again) == place
    assert place_of(np.array(whole)) is None


@pytest.mark.parametrize(
    ("given", "expected"), [("20 GB", 20 * 10**9), ("1.5TB", 15 * 10**11), (2_000_000, 2_000_000)]
)
def test_the_bound_is_a_size(given: object, expected: int) -> None:
    study = check_study({"name": "s", "data": {"name": "digits", "cache": given}})
    assert study.source.cache == expected


@pytest.mark.parametrize("given", ["20", "20 Gb", -1, 20, True, "1e3 GB", "500 kB", "0.5 MB"])
def test_what_is_no_size_is_refused(given: object) -> None:
    with pytest.raises(UserError, match=r"data\.cache: expected a size such as 500 MB or 20 GB"):
        check_study({"name": "s", "data": {"name": "digits", "cache": given}})


def test_another_bound_is_no_other_study() -> None:
    studies = [
        check_study({"name": "s", "data": {"name": "digits", "cache": cache}})
        for cache in ("1 GB", "2 GB")
    ]
    assert studies[0].space() == studies[1].space()
