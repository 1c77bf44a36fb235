"""Folders as Hugging Face's datasets saves them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from support.huggingface_folders import pictures, save, save_dict, table

from moe_search.data import Dataset, load
from moe_search.data.survey import survey
from moe_search.errors import UserError
from moe_search.progress import Note, Working
from moe_search.spec import Data


def own(path: Path, **others: Any) -> Data:
    return Data.model_validate({"name": "huggingface", "path": path, "image_size": 8, **others})


def shows_its_class(dataset: Dataset) -> bool:
    """Classes are in sorted order, blue before red, whatever order the column has."""
    splits = filter(None, (dataset.train, dataset.validation, dataset.test))
    return dataset.classes == ("blue", "red") and all(
        np.array_equal(split.x.mean((2, 3)).argmax(1), 2 - 2 * split.y) for split in splits
    )


@pytest.mark.parametrize("shards", [1, 3])
def test_images_of_one_split(tmp_path: Path, shards: int) -> None:
    save(tmp_path / "own", pictures(20), shards)
    dataset = load(own(tmp_path / "own"), test=True)
    assert dataset.test is not None
    assert [len(s.y) for s in (dataset.train, dataset.validation, dataset.test)] == [13, 3, 4]
    assert shows_its_class(dataset)
    assert load(own(tmp_path / "own", channels=1)).shape == (1, 8, 8)


def test_images_of_three_splits(tmp_path: Path) -> None:
    save_dict(tmp_path / "own", train=pictures(20), validation=pictures(4), test=pictures(6))
    dataset = load(own(tmp_path / "own"), test=True)
    assert dataset.test is not None
    assert [len(s.y) for s in (dataset.train, dataset.validation, dataset.test)] == [20, 4, 6]
    assert shows_its_class(dataset)


def test_a_test_split_without_classes_is_none(tmp_path: Path) -> None:
    save_dict(tmp_path / "own", train=pictures(20), test=pictures(6, hidden=True))
    dataset = load(own(tmp_path / "own"), test=True)
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) + len(dataset.test.y) == 20
    assert shows_its_class(dataset)


def test_parquet_files_with_images(tmp_path: Path) -> None:
    for name, rows in (("train-00000-of-00001", 20), ("test-00000-of-00001", 6)):
        parquet.write_table(pictures(rows), tmp_path / f"{name}.parquet")
    dataset = load(own(tmp_path), test=True)
    assert dataset.test is not None
    assert len(dataset.test.y) == 6
    assert shows_its_class(dataset)
    assert survey(str(tmp_path)).source.name == "huggingface"


def heard_of(source: Data) -> tuple[Dataset, list[str]]:
    told: list[Note | Working] = []
    return load(source, progress=told.append), [n.text for n in told if isinstance(n, Note)]


def test_splits_of_other_names_are_told(tmp_path: Path) -> None:
    splits = {"train": 20, "validation": 4, "validation_matched": 4, "unsupervised": 6}
    save_dict(tmp_path / "own", **{name: pictures(rows) for name, rows in splits.items()})
    dataset, notes = heard_of(own(tmp_path / "own"))
    assert len(dataset.validation.y) == 4
    assert notes[0] == (
        f"{tmp_path}/own: left out, as no split is called so: validation_matched, unsupervised"
    )


def test_parquet_files_of_other_splits_are_told(tmp_path: Path) -> None:
    for name in ("train-00000-of-00001", "unsupervised-00000-of-00001"):
        parquet.write_table(pictures(20), tmp_path / f"{name}.parquet")
    _, notes = heard_of(own(tmp_path))
    assert notes[0].endswith("is called so: unsupervised-00000-of-00001.parquet")


def test_two_splits_for_one_use_are_refused(tmp_path: Path) -> None:
    save_dict(tmp_path / "own", train=pictures(20), dev=pictures(4), validation=pictures(4))
    with pytest.raises(UserError, match=r"splits dev and validation are both for validation; take"):
        load(own(tmp_path / "own"))


def test_rows_are_those_of_a_table(tmp_path: Path) -> None:
    save(tmp_path / "own", table(60), shards=2)
    dataset = load(own(tmp_path / "own"), test=True)
    assert dataset.classes == ("blue", "red")
    assert dataset.preprocessing.encoding is not None
    assert dataset.preprocessing.encoding.features == (
        *("size", "home=sea", "home=wood", "home is missing"),
    )
    size = dataset.train.x[:, 0] * dataset.std[0] + dataset.mean[0]
    assert np.array_equal(size >= 1, dataset.train.y == 0)  # odd rows are blue
    assert load(own(tmp_path / "own", drop=["home"])).shape == (1,)


def test_init_knows_them(tmp_path: Path) -> None:
    save(tmp_path / "rows", table(60))
    save(tmp_path / "pictures", pictures(20))
    rows, found = survey(str(tmp_path / "rows")), survey(str(tmp_path / "pictures"))
    assert (rows.source.label, rows.shape) == ("label", (4,))
    assert (found.source.label, found.shape) == ("label", (3, 8, 8))
    assert found.counts == {"red": 8, "blue": 8}


def test_init_drops_what_says_nothing_of_a_sample(tmp_path: Path) -> None:
    rows = table(60)
    for name, values in {
        "id": np.arange(60) + 7,
        "name": [f"sample-{row}" for row in range(60)],
        "born": [f"2020-01-{row % 28 + 1:02}" for row in range(60)],
    }.items():
        rows = rows.append_column(name, pa.array(values))
    save_dict(tmp_path / "own", train=rows.slice(0, 40), test=rows.slice(40))
    found = survey(str(tmp_path / "own"))
    assert found.source.drop == ("id", "name", "born")
    assert found.notes == (
        "id is dropped: one of its own in every row.",
        "name is dropped: a text of its own in every row.",
        "born is dropped: dates or times.",
    )
    assert load(found.source, test=True).shape == found.shape == (4,)


def with_one_damaged(rows: Any) -> Any:
    """Pictures, of which the fourth is none."""
    files = rows.column("image").to_pylist()
    files[3]["bytes"] = b"no image"
    return rows.set_column(0, "image", pa.array(files, rows.schema.field("image").type))


def test_unreadable_images_of_all_splits_are_told_at_once(tmp_path: Path) -> None:
    rows = with_one_damaged(pictures(8))
    save_dict(tmp_path / "own", train=rows, validation=rows, test=rows)
    for test, count in ((False, 2), (True, 3)):
        with pytest.raises(UserError, match=f"^{count} images cannot be read, the first: .*row 3"):
            load(own(tmp_path / "own"), test=test)


def test_unreadable_images_are_named_by_their_row(tmp_path: Path) -> None:
    save(tmp_path / "own", with_one_damaged(pictures(20)))
    with pytest.raises(UserError, match=r"own: row 3 \(3\.png\): not a readable image"):
        load(own(tmp_path / "own"))
    assert shows_its_class(load(own(tmp_path / "own", unreadable="skip"), test=True))


def damage_state(folder: Path) -> None:
    (folder / "state.json").write_text("{")


def damage_data(folder: Path) -> None:
    (folder / "data-00000-of-00001.arrow").write_bytes(b"damaged")


def lose_data(folder: Path) -> None:
    (folder / "data-00000-of-00001.arrow").unlink()


@pytest.mark.parametrize("damage", [damage_state, damage_data, lose_data])
def test_a_damaged_folder_is_told_in_one_line(tmp_path: Path, damage: Any) -> None:
    save(tmp_path / "own", pictures(4))
    damage(tmp_path / "own")
    with pytest.raises(UserError, match=r"own: no readable folder of save_to_disk[^\n]*$"):
        load(own(tmp_path / "own"))


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere", pictures(20))
    save(tmp_path / "own", pictures(4))
    outside = {"filename": "../elsewhere/data-00000-of-00001.arrow"}
    (tmp_path / "own" / "state.json").write_text(json.dumps({"_data_files": [outside]}))
    dataset = load(own(tmp_path / "own", validation=1), test=True)
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) + len(dataset.test.y) == 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"label": "kind"}, "data.label: no column kind; columns are image, label"),
        ({"label": "image"}, "expected one label per sample|no classes|different labels"),
    ],
)
def test_a_wrong_label_is_told(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    save(tmp_path / "own", pictures(20))
    with pytest.raises(UserError, match=message):
        load(own(tmp_path / "own", **keys))
