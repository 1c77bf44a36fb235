import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moe_search.data import load
from moe_search.data.load import read
from moe_search.errors import UserError
from moe_search.spec import Data

Arrays = dict[str, Any]


def arrays(shape: tuple[int, ...] = (5,), classes: int = 3) -> Arrays:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.normal(3, 2, (30, *shape)),
        "y_train": np.arange(30) % classes,
        "x_test": rng.normal(3, 2, (9, *shape)),
        "y_test": np.arange(9) % classes,
    }


def own(path: Path, **others: Any) -> Data:
    return Data(name="arrays", path=path, **others)


def saved(folder: Path, content: Arrays) -> Path:
    path = folder / "own.npz"
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    ("shape", "loaded"),
    [
        ((5,), (5,)),
        ((6, 7), (1, 6, 7)),
        ((2, 6, 7), (2, 6, 7)),
        ((6, 7, 3), (3, 6, 7)),
        ((6, 7, 1), (1, 6, 7)),
        ((1, 6, 3), (1, 6, 3)),
        ((3, 6, 1), (3, 6, 1)),
    ],
)
def test_shapes_of_samples(tmp_path: Path, shape: tuple[int, ...], loaded: tuple[int, ...]) -> None:
    raw = read(own(saved(tmp_path, arrays(shape))), test=True)
    assert raw.training.x.shape == (30, *loaded)
    assert raw.test is not None
    assert raw.test.x.shape == (9, *loaded)


def test_channels_last_is_moved_not_reshaped(tmp_path: Path) -> None:
    content = arrays((6, 7, 3))
    raw = read(own(saved(tmp_path, content)), test=False)
    assert np.allclose(raw.training.x[4, 2], content["x_train"][4, :, :, 2])


def test_features_are_normalised_by_the_training_split(tmp_path: Path) -> None:
    content = arrays((3,))
    content["x_train"][:, 1] = 0.1
    content["x_test"][:, 1] = 0.6
    dataset = load(own(saved(tmp_path, content), validation=6), test=True)
    x = dataset.train.x.astype(np.float64)
    assert np.allclose(x.mean(0), 0, atol=1e-6)
    assert np.allclose(x.std(0), [1, 0, 1], atol=1e-6)
    assert dataset.std[1] == 1.0
    assert dataset.test is not None
    expected = (content["x_test"] - dataset.mean) / dataset.std
    assert np.allclose(dataset.test.x, expected, atol=1e-5)


def test_bytes_are_pixels(tmp_path: Path) -> None:
    content = arrays((4, 4))
    content["x_train"] = np.random.default_rng(0).integers(0, 256, (30, 4, 4), np.uint8)
    dataset = load(own(saved(tmp_path, content), validation=3))
    train = dataset.train.x * dataset.std[0] + dataset.mean[0]
    assert float(train.max()) <= 1.0 + 1e-6
    assert dataset.shape == (1, 4, 4)
    assert dataset.classes == ("0", "1", "2")


def test_test_arrays_are_not_read_until_asked_for(tmp_path: Path) -> None:
    content = arrays()
    content["x_test"][:] = np.nan
    source = own(saved(tmp_path, content))
    assert load(source).test is None
    with pytest.raises(UserError, match="x_test: holds NaN"):
        load(source, test=True)


def own_validation(shape: tuple[int, ...] = (5,)) -> Arrays:
    return {"x_val": np.full((6, *shape), 7.0), "y_val": np.arange(6) % 3}


def test_a_validation_split_of_its_own_is_the_one(tmp_path: Path) -> None:
    path = saved(tmp_path, {**arrays(), **own_validation()})
    dataset = load(own(path))
    assert len(dataset.train.y) == 30
    assert dataset.validation.y.tolist() == [0, 1, 2, 0, 1, 2]
    expected = (7 - np.array(dataset.mean)) / dataset.std
    assert np.allclose(dataset.validation.x, expected, atol=1e-5)
    with pytest.raises(UserError, match=r"^data\.validation: 6, but the data has a .* own"):
        load(own(path, validation=6))


def test_without_a_test_split_a_fifth_is_one(tmp_path: Path) -> None:
    content = {key: value for key, value in arrays().items() if key.endswith("train")}
    path = saved(tmp_path, content)
    first, again, other = (load(own(path, seed=s), test=True) for s in (0, 0, 1))
    assert first.test is not None
    assert again.test is not None
    assert other.test is not None
    assert np.bincount(first.test.y).tolist() == [2, 2, 2]
    assert len(first.train.y) + len(first.validation.y) == 24
    assert np.array_equal(first.test.x, again.test.x)
    assert not np.array_equal(first.test.x, other.test.x)
    assert load(own(path)).test is None


def replaced(key: str, value: Any) -> Arrays:
    return {**arrays(), key: value}


def with_value(key: str, value: float) -> Arrays:
    content = arrays()
    content[key][4] = value
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {k: v for k, v in arrays().items() if k != "y_test"},
            "has no y_test, expected",
        ),
        ({k: v for k, v in arrays().items() if k != "x_train"}, "has no x_train, expected"),
        (replaced("x_val", np.zeros((4, 5))), "has no y_val, expected"),
        ({**arrays(), **own_validation(shape=(4,))}, r"x_val: samples of shape \(4,\)"),
        (replaced("y_train", np.arange(29) % 3), "y_train: 29 labels for 30 samples"),
        (replaced("y_train", np.arange(30) % 3 + 1), "y_train: label 1 but none is 0"),
        (with_value("y_train", 10**15), "y_train: label 1000000000000000 but none is 3"),
        (with_value("y_train", -1), "y_train: label -1 out of range"),
        (replaced("y_train", np.zeros(30, int)), "y_train: one class; number two or more"),
        (replaced("y_train", np.full(30, 2**64 - 1, np.uint64)), "label 18446744073709551615 out"),
        (replaced("y_train", np.arange(30) / 2), "y_train: float64 of shape"),
        (replaced("y_train", np.array(["a", "b", "c"] * 10)), "y_train: <U1 of shape"),
        (replaced("y_train", np.zeros((30, 1), int)), r"y_train: int64 of shape \(30, 1\)"),
        (with_value("y_test", 3), r"y_test: label 3 out of range, expected 0\.\.2"),
        (replaced("x_test", np.zeros((9, 4))), r"x_test: samples of shape \(4,\)"),
        (replaced("x_train", np.zeros(30)), "x_train: has 1 axes"),
        (replaced("x_train", np.zeros((0, 5))), r"x_train: is empty \(shape \(0, 5\)\)"),
        (replaced("x_train", np.zeros((30, 5), complex)), "x_train: holds complex128"),
        (replaced("x_train", np.array([["a"]] * 30)), "x_train: holds <U1"),
        (replaced("x_train", np.array([[{}]] * 30, object)), "x_train: cannot be read .*Object"),
        (with_value("x_train", np.nan), "x_train: holds NaN"),
        (with_value("x_train", np.inf), "x_train: holds NaN or numbers too large"),
        (with_value("x_train", 1e200), "x_train: holds NaN or numbers too large"),
    ],
)
def test_unfit_arrays_are_refused_by_key(tmp_path: Path, content: Arrays, message: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(UserError, match=message) as raised:
        read(own(path), test=True)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("damage", ["text", "empty", "truncated", "npy", "missing", "folder"])
def test_what_is_not_an_npz_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = saved(tmp_path, arrays())
    match damage:
        case "text":
            path.write_text("x_train = 3")
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(path.read_bytes()[:-100])
        case "npy":
            with path.open("wb") as file:
                np.save(file, np.zeros(3))
        case "missing":
            path.unlink()
        case "folder":
            path = tmp_path
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))}: not [^\n]+$"):
        read(own(path), test=False)


def test_a_damaged_array_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, arrays())
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("y_train.npy").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 200] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"own\.npz: y_train: cannot be read \(Bad CRC"):
        read(own(path), test=False)


def test_a_member_that_is_no_array_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, {k: v for k, v in arrays().items() if k != "x_train"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train", "not an array")
    with pytest.raises(UserError, match="x_train: not an array"):
        read(own(path), test=False)


def test_the_path_is_needed() -> None:
    with pytest.raises(ValueError, match=r"is missing; arrays needs an \.npz file"):
        Data(name="arrays")
