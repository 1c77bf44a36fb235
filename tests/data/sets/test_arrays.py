import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moe_search.data import load
from moe_search.data.load import read
from moe_search.data.preprocessing import as_input, range_warning
from moe_search.data.sets.arrays import ARRAYS
from moe_search.errors import UserError
from moe_search.progress import Note, Working
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
        ((4, 6, 7), (4, 6, 7)),
        ((16, 16, 4), (4, 16, 16)),
        ((13, 20, 20), (13, 20, 20)),
        ((20, 20, 13), (13, 20, 20)),
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
        (replaced("y_train", np.zeros(30, int)), r"y_train: one class \(0\); expected two or more"),
        (replaced("y_train", np.arange(30) / 2), r"y_train: holds 0\.5, expected classes"),
        (replaced("y_train", np.arange(30)), "y_train: 30 different labels of 30 samples"),
        (replaced("y_train", np.ones((30, 2))), r"y_train: shape \(30, 2\), and row 0 is not"),
        (replaced("y_train", np.zeros((30, 1, 2))), r"y_train: float64 of shape \(30, 1, 2\)"),
        (replaced("y_train", np.array([None] * 30)), "y_train: cannot be read .*astype"),
        (with_value("y_test", 3), "y_test: label 3 is none of 0, 1, 2 in training"),
        (replaced("y_test", np.array(["a"] * 9)), "y_test: labels such as 'a', in training such"),
        ({**arrays(), "labels": np.arange(30) % 3}, "y_train and labels are the same; keep one"),
        (arrays((16, 16, 16)), "may be 16 channels of 16 x 16, or 16 of 16 x 16; give data.layout"),
        (arrays((3, 6, 1)), "samples of 3 x 6 x 1 may be 3 channels of 6 x 1, or 1 of 3 x 6"),
        (
            {**arrays((4, 4)), "x_train": np.ones((30, 4, 4), np.uint8)},
            "x_test: float64 of .*, but training is uint8 of 1 to 1; save both on one scale",
        ),
        (
            {**arrays((4, 4)), "x_test": np.ones((9, 4, 4), np.uint8)},
            "x_test: uint8 of 1 to 1, but training is float64 of .*; save both on one scale",
        ),
        (
            {**arrays(), "x_train": np.ones((30, 5)), "x_test": np.full((9, 5), 9, np.uint8)},
            "x_test: uint8 of 9 to 9, but training is float64 of 1 to 1; save both on one scale",
        ),
        (replaced("x_test", np.zeros((9, 4))), r"x_test: samples of shape \(4,\)"),
        (replaced("x_train", np.zeros(30)), "x_train: has 1 axes"),
        (replaced("x_train", np.zeros((0, 5))), r"x_train: is empty \(shape \(0, 5\)\)"),
        (replaced("x_train", np.zeros((30, 5), complex)), "x_train: holds complex128"),
        (replaced("x_train", np.array([["a"]] * 30)), "x_train: holds <U1"),
        (
            replaced("x_train", np.array([[{}]] * 30, object)),
            "x_train: cannot be read .Python obj",
        ),
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


LABELS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text": (np.array(["cat", "ant", "bee"]), ("ant", "bee", "cat")),
    "bytes": (np.array([b"cat", b"ant", b"bee"]), ("ant", "bee", "cat")),
    "text in spaces": (np.array(["cat", " ant", "bee "]), ("ant", "bee", "cat")),
    "bytes in spaces": (np.array([b"cat ", b"ant", b"bee"]), ("ant", "bee", "cat")),
    "bool": (np.array([True, False]), ("False", "True")),
    "whole floats": (np.array([1.0, 2.0]), ("1", "2")),
    "from 1": (np.array([1, 2, 3]), ("1", "2", "3")),
    "minus one and one": (np.array([-1, 1]), ("-1", "1")),
    "gaps": (np.array([7, 2, 10**15]), ("2", "7", "1000000000000000")),
    "unsigned": (np.array([3, 2**64 - 1], np.uint64), ("3", "18446744073709551615")),
    "a column": (np.array([[0], [1], [2]]), ("0", "1", "2")),
    "one-hot": (np.eye(3), ("0", "1", "2")),
    "one-hot bytes": (np.eye(3, dtype=np.uint8), ("0", "1", "2")),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind_are_classes_in_sorted_order(tmp_path: Path, kind: str) -> None:
    labels, names = LABELS[kind]
    each = np.arange(30) % len(labels)
    content = {"x_train": each[:, None] * np.ones((1, 5)), "y_train": labels[each]}
    told: list[Note | Working] = []
    raw = read(own(saved(tmp_path, content)), test=True, progress=told.append)
    assert raw.classes == names
    assert raw.test is not None
    text = np.argmax(labels, 1) if kind.startswith("one-hot") else labels.ravel()
    shown = [str(value.decode() if isinstance(value, bytes) else value) for value in text.tolist()]
    for split in (raw.training, raw.test):
        assert [names[y] for y in split.y] == [
            shown[int(x)].strip().removesuffix(".0") for x in split.x[:, 0]
        ]
    plain = names == tuple(map(str, range(len(names))))
    listed = f"labels {', '.join(names)} are classes 0 to {len(names) - 1}, and keep their names"
    assert told == ([] if plain else [Note(f"{tmp_path / 'own.npz'}: {listed}")])


@pytest.mark.parametrize(
    "names",
    ["X y", "data labels", "features target", "images labels", "Xtrain Ytrain", "train_x train_y",
     "train_images train_labels", "X_tr y_tr", "inputs targets"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["npz", "npy"])
def test_keys_that_people_use(tmp_path: Path, names: str, how: str) -> None:
    content = dict(zip(names.split(), (np.ones((30, 5)), np.arange(30) % 3), strict=True))
    content["ids"] = np.arange(30)
    path = saved(tmp_path, content) if how == "npz" else in_folder(tmp_path / "own", content)
    raw = read(own(path), test=True)
    assert raw.training.x.shape == (24, 5)
    assert raw.test is not None


def in_folder(folder: Path, content: Arrays) -> Path:
    folder.mkdir()
    for name, array in content.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_a_folder_of_arrays_is_as_an_archive_of_them(tmp_path: Path) -> None:
    content = {**arrays((6, 7)), **own_validation((6, 7))}
    packed, loose = saved(tmp_path, content), in_folder(tmp_path / "own", content)
    one, other = (load(own(path), test=True) for path in (packed, loose))
    for name in ("train", "validation", "test"):
        assert np.array_equal(getattr(one, name).x, getattr(other, name).x)
        assert np.array_equal(getattr(one, name).y, getattr(other, name).y)


def test_what_systems_leave_among_arrays_is_skipped(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "own", arrays())
    (folder / "._x_train.npy").write_bytes(b"\0\5\x16\7")
    assert read(own(folder), test=True).training.x.shape == (30, 5)
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "._x_train.npy").write_bytes(b"\0\5\x16\7")
    assert not ARRAYS.claims(tmp_path / "left")


def test_splits_of_medmnists_keys(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content = {}
    for name, count in (("train", 20), ("val", 6), ("test", 8)):
        content[f"{name}_images"] = rng.integers(0, 256, (count, 8, 8), np.uint8)
        content[f"{name}_labels"] = np.arange(count)[:, None] % 2
    dataset = load(own(saved(tmp_path, content)), test=True)
    assert dataset.test is not None
    assert [len(s.y) for s in (dataset.train, dataset.validation, dataset.test)] == [20, 6, 8]


@pytest.mark.parametrize("how", [">f4", ">f8", ">i4", "F"])
def test_the_order_of_bytes_and_of_axes_in_memory_changes_nothing(tmp_path: Path, how: str) -> None:
    content = arrays((6, 7, 3))
    whole = np.round(content["x_train"] * 100)
    stored = np.asfortranarray(whole) if how == "F" else whole.astype(how)
    expected = load(own(saved(tmp_path, {**content, "x_train": whole})))
    found = load(own(saved(tmp_path, {**content, "x_train": stored})))
    assert np.allclose(found.train.x, expected.train.x, atol=1e-6)
    assert found.train.x.dtype.isnative
    assert found.train.x.flags.c_contiguous


def test_the_layout_decides_where_a_shape_does_not(tmp_path: Path) -> None:
    content = arrays((6, 6, 6))
    path = saved(tmp_path, content)
    for layout, expected in (
        ("channels_first", content["x_train"]),
        ("channels_last", content["x_train"].transpose(0, 3, 1, 2)),
    ):
        assert np.array_equal(read(own(path, layout=layout), test=True).training.x, expected)
        kept = load(own(path, layout=layout)).preprocessing
        taken = as_input(content["x_train"], (6, 6, 6), kept)
        assert np.array_equal(taken, as_input(expected, (6, 6, 6), None))


def test_a_model_takes_channels_at_either_end_where_shapes_differ(tmp_path: Path) -> None:
    content = arrays((6, 6, 3))
    kept = load(own(saved(tmp_path, content), layout="channels_last")).preprocessing
    x = content["x_train"]
    last, first = (as_input(each, (3, 6, 6), kept) for each in (x, x.transpose(0, 3, 1, 2)))
    assert np.array_equal(last, first)


@pytest.mark.parametrize("stored", [np.float32, np.float64, np.int64])
def test_a_test_split_is_scaled_as_the_bytes_of_training(tmp_path: Path, stored: type) -> None:
    content = arrays((4, 4))
    for split, count in (("train", 30), ("test", 9)):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 4, 4), np.uint8)
        content[f"x_{split}"] = pixels
    expected = load(own(saved(tmp_path, content)), test=True).test
    content["x_test"] = content["x_test"].astype(stored)
    told: list[Note | Working] = []
    found = load(own(saved(tmp_path, content)), test=True, progress=told.append).test
    assert found is not None
    assert expected is not None
    assert np.allclose(found.x, expected.x, atol=1e-6)
    where = f"{tmp_path / 'own.npz'}: x_test"
    assert told == [Note(f"{where}: divided by 255, as the bytes of training are")]
    content["x_test"] = content["x_test"] / 255
    found = load(own(saved(tmp_path, content)), test=True).test
    assert found is not None
    assert np.allclose(found.x, expected.x, atol=1e-6)


def test_bytes_of_a_test_split_are_as_floats_of_training(tmp_path: Path) -> None:
    content = arrays((4, 4))
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 4)).astype(np.uint8)
    for training in (pixels.astype(np.float32), pixels / 255):
        content |= {"x_train": training, "x_test": training[:9]}
        expected = load(own(saved(tmp_path, content)), test=True).test
        found = load(own(saved(tmp_path, {**content, "x_test": pixels[:9]})), test=True).test
        assert found is not None
        assert expected is not None
        assert np.allclose(found.x, expected.x, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 4), (5,)])
@pytest.mark.parametrize("types", [("u1", "f4"), ("u1", "i8"), ("u1", "?"), ("f4", "u1")])
def test_zeros_and_ones_are_the_same_in_bytes_and_in_other_numbers(
    tmp_path: Path, shape: tuple[int, ...], types: tuple[str, str]
) -> None:
    ones = np.random.default_rng(0).integers(0, 2, (30, *shape))
    content = arrays(shape) | {"x_train": ones.astype(types[0]), "x_test": ones.astype(types[1])}
    content["y_test"] = content["y_train"]
    dataset = load(own(saved(tmp_path, content), validation=6), test=True)
    every = load(own(saved(tmp_path, content | {"x_test": content["x_train"]}), validation=6), True)
    assert dataset.test is not None
    assert every.test is not None
    assert np.allclose(dataset.test.x, every.test.x, atol=1e-5)


def test_a_model_of_bytes_knows_their_range(tmp_path: Path) -> None:
    content = arrays((4, 4))
    content["x_train"] = np.random.default_rng(0).integers(0, 2, (30, 4, 4), np.uint8)
    kept = load(own(saved(tmp_path, content))).preprocessing
    ones, twos = (as_input(np.full((9, 4, 4), n, float), (1, 4, 4), kept) for n in (1, 2))
    assert np.allclose(ones, 1 / 255)
    assert range_warning(ones, (1, 4, 4), kept) is None
    assert range_warning(twos, (1, 4, 4), kept) == (
        "values of 2 to 2, but the model was trained on 0 to 0.00392157; scale them alike"
    )


def test_small_differences_of_large_features_are_kept(tmp_path: Path) -> None:
    signs = np.where(np.arange(30) % 2, 1.0, -1.0)
    content = {"x_train": 1e8 + signs[:, None] * np.ones((1, 3)), "y_train": np.arange(30) % 2}
    dataset = load(own(saved(tmp_path, content)), test=True)
    assert dataset.test is not None
    for split in (dataset.train, dataset.test):
        assert np.allclose(split.x, np.where(split.y, 1.0, -1.0)[:, None], atol=0.1)
    assert dataset.train.x.dtype == np.float32


def test_each_class_keeps_a_sample_for_training(tmp_path: Path) -> None:
    y = np.arange(80) % 40
    path = saved(tmp_path, {"x_train": np.random.default_rng(0).normal(size=(80, 3)), "y_train": y})
    told: list[Note | Working] = []
    dataset = load(own(path, validation=50), test=True, progress=told.append)
    assert len(set(dataset.train.y.tolist())) == 40
    assert told[0] == Note(
        "validation: 24 samples in place of 50, so that each class keeps one for training"
    )
    assert Note("16 of 40 classes have no sample in the validation split, such as 0, 1, 2") in told
    with pytest.raises(UserError, match=r"^data.limit: 30 samples of 40 classes; each needs one"):
        load(own(path, limit=30))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"1,2,3\n", "(a table of text); data.name: table reads it"),
        ("a.csv.gz", b"\x1f\x8b", "(a table of text); data.name: table reads it"),
        ("a.parquet", b"PAR1....", "(a Parquet file); data.name: table reads it"),
        ("a.feather", b"ARROW1..", "(an Arrow file); data.name: table reads it"),
    ],
)
def test_other_files_are_told_what_they_are(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=re.escape(what)):
        read(own(tmp_path / name), test=False)


def test_the_path_is_needed() -> None:
    with pytest.raises(ValueError, match=r"is missing; arrays needs an \.npz file"):
        Data(name="arrays")


@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_pixels_beside_shares_are_refused(tmp_path: Path, kind: type) -> None:
    drawn = np.random.default_rng(0)
    content = arrays((6, 6)) | {"x_train": drawn.random((30, 6, 6))}
    content["x_test"] = drawn.integers(0, 256, (9, 6, 6)).astype(kind)
    with pytest.raises(UserError, match="save both on one scale"):
        load(own(saved(tmp_path, content)), test=True)
    content["x_test"] = drawn.random((9, 6, 6)) * 1.1
    load(own(saved(tmp_path, content)), test=True)
