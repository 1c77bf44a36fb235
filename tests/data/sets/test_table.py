"""Tables of all kinds: what is read, what becomes a feature, and what is refused by name."""

import gzip
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather, parquet

from moe_search.data import Dataset, load
from moe_search.data.columns import look_at
from moe_search.data.encoding import Encoding
from moe_search.data.files import tables
from moe_search.data.sets.table import TABLE
from moe_search.errors import UserError
from moe_search.progress import Note, Working, silent
from moe_search.spec import Data
from moe_search.spec.kinds.data_sets import DATA_SETS

Frame = Any


def animals(rows: int = 60) -> Frame:
    """Numbers, true and false, categories, some of them missing, and a column of labels."""
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "weight": drawn.normal(3, 1, rows),
            "age": drawn.integers(0, 20, rows).astype(float),
            "tame": drawn.random(rows) < 0.5,
            "home": drawn.choice(["farm", "sea", "wood"], rows),
            "kind": np.array(["cat", "dog", "owl"])[np.arange(rows) % 3],
        }
    )
    frame.loc[::5, "age"] = None
    frame.loc[1::7, "home"] = None
    return frame


def table(path: Path, **others: Any) -> Data:
    return Data.model_validate({"name": "table", "path": path, "label": "kind", **others})


def encoded(data: Dataset) -> Encoding:
    """How, but for the marks of numbers."""
    assert data.preprocessing is not None
    assert data.preprocessing.encoding is not None
    return data.preprocessing.encoding.model_copy(update={"decimal_comma": False})


def same(one: Dataset, other: Dataset) -> bool:
    return (
        encoded(one) == encoded(other)
        and one.classes == other.classes
        and all(
            np.allclose(mine.x, theirs.x, atol=1e-6) and np.array_equal(mine.y, theirs.y)
            for mine, theirs in (
                (one.train, other.train),
                (one.validation, other.validation),
            )
        )
    )


def as_csv(**options: Any) -> Callable[[Frame, Path], None]:
    return lambda frame, path: frame.to_csv(path, index=False, **options)


def as_stream(frame: Frame, path: Path) -> None:
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, arrow.schema) as writer:
        writer.write_table(arrow)


FORMS: dict[str, Callable[[Frame, Path], None]] = {
    "a.csv": as_csv(),
    "quoted.csv": as_csv(quoting=1),
    "semicolon.csv": as_csv(sep=";", decimal=","),
    "bar.txt": as_csv(sep="|"),
    "tab.tsv": as_csv(sep="\t"),
    "na.csv": as_csv(na_rep="NA"),
    "question.csv": as_csv(na_rep="?"),
    "mark.csv": as_csv(encoding="utf-8-sig"),
    "utf16.csv": as_csv(encoding="utf-16"),
    "a.csv.gz": as_csv(),
    "a.csv.bz2": as_csv(),
    "a.csv.xz": as_csv(),
    "a.csv.zip": as_csv(),
    "a.parquet": lambda frame, path: frame.to_parquet(path),
    "index.parquet": lambda frame, path: frame.set_axis(range(3, 63)).to_parquet(path),
    "a.feather": lambda frame, path: feather.write_feather(frame, str(path)),
    "stream.arrow": as_stream,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_table_is_the_same_in_every_form(tmp_path: Path, name: str) -> None:
    frame = animals()
    frame.to_parquet(tmp_path / "reference.parquet")
    expected = load(table(tmp_path / "reference.parquet"))
    FORMS[name](frame, tmp_path / name)
    assert same(load(table(tmp_path / name)), expected)


def test_spaces_may_part_cells(tmp_path: Path) -> None:
    frame = animals().dropna()
    frame.to_csv(tmp_path / "a.csv", index=False)
    text = frame.to_string(index=False)
    (tmp_path / "a.txt").write_text(text)
    assert load(table(tmp_path / "a.txt")).shape == load(table(tmp_path / "a.csv")).shape


def test_columns_without_a_header_are_numbered(tmp_path: Path) -> None:
    frame = animals()
    frame.to_csv(tmp_path / "bare.data", index=False, header=False)
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = load(table(tmp_path / "bare.data", label="column_5"))
    named = load(table(tmp_path / "a.csv"))
    assert np.array_equal(found.train.x, named.train.x)
    assert found.preprocessing.encoding is not None
    assert found.preprocessing.encoding.features[:2] == ("column_1", "column_2")


def test_a_header_may_number_the_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4))).assign(kind=[1, 2] * 15)
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert load(table(tmp_path / "a.csv")).shape == (4,)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("label,400,401,402\n0,1.5,2,3\n1,2,3,4\n", "label 400 401 402"),
        ("label,400.5,401.5\ncat,1,2\ndog,2,3\ncat,1,2\ndog,2,3\n", "label 400.5 401.5"),
        ("x,5\n?,1\n7,2\n", "x 5"),
        ("country,2019,2020,kind\nA,1,2,poor\nB,3,4,rich\nC,3,4,poor\nD,1,2,rich\n",
         "country 2019 2020 kind"),
        (",400,label\n0,1,cat\n1,2,dog\n2,1,cat\n3,2,dog\n", "Unnamed: 0 400 label"),
        (",400,label\n0,1,0\n1,2,1\n", "Unnamed: 0 400 label"),
        (" a , b\n?,1\n2,1\n", "a b"),
        ("cat,7,2\ndog,3,4\ncat,5,6\n", ""),
        ("A,7,poor\nB,2,rich\nC,3,poor\nD,4,rich\n", ""),
        ("2020-01-01,7,2\n2020-01-02,3,4\n", ""),
        ("?,7,2\n5,3,4\n6,5,6\n", ""),
        ("a note,7,2\n,3,4\n,5,6\n", ""),
        ("7,1,2\n6,3,4\n", ""),
    ],
)  # fmt: skip
def test_a_header_may_hold_numbers_beside_text(tmp_path: Path, text: str, columns: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    frame = tables.read_table(tmp_path / "a.csv")
    assert len(frame) == text.count("\n") - bool(columns)
    bare = [f"column_{number + 1}" for number in range(frame.shape[1])]
    assert " ".join(frame.columns) == (columns or " ".join(bare))
    assert frame.select_dtypes("number").shape[1] >= 1


COUNTED = "1,2,3\n5,7,0\n6,1,1\n5,4,0\n"


def test_a_first_row_that_counts_columns_is_told(tmp_path: Path) -> None:
    """The columns that a model knows tell what it is in prediction."""
    (tmp_path / "a.csv").write_text(COUNTED)
    told: list[Note | Working] = []
    frame = tables.read_table(tmp_path / "a.csv", progress=told.append)
    assert (len(frame), list(frame.columns)) == (3, ["1", "2", "3"])
    (note,) = told
    assert isinstance(note, Note)
    assert note.text.startswith(f"{tmp_path / 'a.csv'}: the first row (1, 2, 3...) counts the col")
    named = tables.read_table(tmp_path / "a.csv", names=["1", "2"], progress=told.append)
    bare = tables.read_table(tmp_path / "a.csv", names=["column_1", "column_2"])
    assert (len(named), len(bare), len(told)) == (3, 4, 1)
    assert list(bare.columns) == ["column_1", "column_2", "column_3"]


@pytest.mark.parametrize("end", [",", ",,", ", "])
def test_delimiters_after_the_last_cell_shift_nothing(tmp_path: Path, end: str) -> None:
    rows = [f"{'sick' if n % 2 else 'well'},{n % 9},{n % 4}" for n in range(300)]
    for name, ends in (("plain", ""), ("a", end)):
        text = "\n".join(["label,age,kids", *(row + ends for row in rows)])
        (tmp_path / f"{name}.csv").write_text(text)
        (tmp_path / f"{name}_numbers.csv").write_text(
            text.replace("sick", "1").replace("well", "0")
        )
    for name in ("", "_numbers"):
        found, plain = (tables.read_table(tmp_path / f"{n}{name}.csv") for n in ("a", "plain"))
        pd.testing.assert_frame_equal(found, plain)


@pytest.mark.parametrize(
    "text",
    [
        "label,age\nsick,1,\nwell,2,3\nsick,3\nwell,4\n",
        "label,age\nsick,1,2,3\nwell,2,3,4\n",
        "label,age\n" + "sick,1,\nwell,2,\n" * 150 + "sick,3,4\n",
    ],
)
def test_cells_without_a_column_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=r"a\.csv: .*its header names 2 columns, but a row has "):
        tables.read_table(tmp_path / "a.csv")


def test_r_names_rows_without_a_header(tmp_path: Path) -> None:
    text = '"age","label"\n"1",5,"sick"\n"2",6,"well"\n"3",5,"sick"\n"4",6,"well"\n'
    (tmp_path / "a.csv").write_text(text)
    frame = tables.read_table(tmp_path / "a.csv")
    assert frame["age"].tolist() == [5, 6, 5, 6]
    assert frame["label"].tolist() == ["sick", "well", "sick", "well"]


def test_points_beside_decimal_commas_part_thousands(tmp_path: Path) -> None:
    rows = ["4,5;990;1,5;v1.5;1", "5,0;1.000;;v2;0", "5,5;1.010;1.234.567,25;v1.5;1"]
    (tmp_path / "a.csv").write_text("\n".join(["size;price;cost;version;label", *rows]))
    frame = tables.read_table(tmp_path / "a.csv")
    assert frame["size"].tolist() == [4.5, 5, 5.5]
    assert frame["price"].tolist() == [990, 1000, 1010]
    assert frame["cost"].fillna(0).tolist() == [1.5, 0, 1234567.25]
    assert frame["version"].tolist() == ["v1.5", "v2", "v1.5"]


def test_points_are_decimal_where_no_thousands_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("size;price;kind\n4,5;1.5;1\n5,0;1.000;0\n5,5;7;1\n")
    frame = tables.read_table(tmp_path / "a.csv", "kind")
    assert pd.to_numeric(frame["price"]).tolist() == [1.5, 1, 7]


@pytest.mark.parametrize("name", ["a.csv", "words.csv", "a.parquet", "a.feather"])
def test_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_text("age,age,kind\n1,2,0\n3,4,1\n")
    (tmp_path / "words.csv").write_text("age,age,kind\n1,2,cat\n3,4,dog\n")
    columns = [pa.array([1, 2]), pa.array([3, 4]), pa.array(["cat", "dog"])]
    twice = pa.Table.from_arrays(columns, names=["age", "age", "kind"])
    parquet.write_table(twice, tmp_path / "a.parquet")
    feather.write_feather(twice, str(tmp_path / "a.feather"))
    with pytest.raises(UserError, match=r"two columns are called 'age'; rename one of them$"):
        load(table(tmp_path / name))


def test_text_of_windows_is_read(tmp_path: Path) -> None:
    frame = animals().assign(kind=["žába", "kůň"] * 30)
    frame = frame.assign(kind=["Bär", "Löwe"] * 30)
    frame.to_csv(tmp_path / "a.csv", index=False, encoding="cp1252")
    assert load(table(tmp_path / "a.csv")).classes == ("Bär", "Löwe")


def test_what_becomes_of_each_column(tmp_path: Path) -> None:
    """Medians, categories and what is missing are those of the training rows alone."""
    frame = animals()
    frame["split"] = ["train", "train", "validation", "Test "] * 15
    held_out = frame["split"] != "train"
    frame.loc[held_out, ["age", "weight"]] = 1000.0
    frame.loc[held_out, "home"] = "moon"
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = load(table(tmp_path / "a.csv", split="split"), test=True)
    encoding = dataset.preprocessing.encoding
    assert encoding is not None
    assert encoding.features == (
        *("weight", "age", "age is missing", "tame"),
        *("home=farm", "home=sea", "home=wood", "home is missing"),
    )
    training = frame[~held_out]
    (age,) = (column for column in encoding.columns if column.name == "age")
    assert age.median == training["age"].median()
    expected = np.column_stack(
        [
            training["weight"],
            training["age"].fillna(age.median),
            training["age"].isna(),
            training["tame"],
            *(training["home"] == home for home in ("farm", "sea", "wood")),
            training["home"].isna(),
        ]
    ).astype(float)
    assert np.allclose(dataset.mean, expected.mean(0))
    assert np.allclose(dataset.std, expected.std(0))
    assert np.allclose(dataset.train.x, (expected - expected.mean(0)) / expected.std(0), atol=1e-5)
    assert dataset.test is not None
    assert (len(dataset.validation.y), len(dataset.test.y)) == (15, 15)
    unseen = dataset.test.x * np.array(dataset.std) + np.array(dataset.mean)
    assert np.allclose(unseen[:, 4:], 0, atol=1e-6)
    assert np.allclose(unseen[:, 0], 1000, atol=1e-3)


def test_large_numbers_keep_their_differences(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": 1e8 + np.arange(60) % 2, "kind": np.arange(60) % 2})
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = load(table(tmp_path / "a.csv"))
    assert np.allclose(dataset.train.x[:, 0], np.where(dataset.train.y, 1.0, -1.0), atol=0.1)


@pytest.mark.parametrize(
    ("keys", "features"),
    [
        ({"features": ["age", "tame"]}, ("age", "age is missing", "tame")),
        ({"drop": ["home", "age"]}, ("weight", "tame")),
    ],
)
def test_columns_may_be_chosen(
    tmp_path: Path, keys: dict[str, Any], features: tuple[str, ...]
) -> None:
    animals().to_csv(tmp_path / "a.csv", index=False)
    dataset = load(table(tmp_path / "a.csv", **keys))
    assert dataset.preprocessing.encoding is not None
    assert dataset.preprocessing.encoding.features == features


def test_a_folder_of_a_file_a_split(tmp_path: Path) -> None:
    frame = animals()
    for start, name in ((0, "train-0"), (20, "train-1"), (40, "test")):
        frame[start : start + 20].to_parquet(tmp_path / f"{name}.parquet")
    dataset = load(table(tmp_path), test=True)
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) == 40
    assert [dataset.classes[y] for y in dataset.test.y] == frame["kind"][40:].tolist()
    with pytest.raises(UserError, match="has no table whose name begins with train"):
        load(table(tmp_path / ".."))


CODES = pd.DataFrame(
    {
        "dep": ["01", "02", "2A", "2B"] * 10,
        "flag": ["true", "false", "unknown", "true"] * 10,
        "ver": ["1.0", "2.0", "3.x", "2.0"] * 10,
        "kind": ["1", "2", "x", "2"] * 10,
    }
)


def test_what_is_text_in_one_file_of_a_folder_is_text_in_all(tmp_path: Path) -> None:
    """Even where all that a file holds of it looks like numbers, or like true and false."""
    test = CODES.iloc[[0, 1, 0, 1]]
    CODES.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    dataset = load(table(tmp_path), test=True)
    assert dataset.test is not None
    assert dataset.classes == ("1", "2", "x")
    assert dataset.test.y.tolist() == [0, 1, 0, 1]
    features = dataset.preprocessing.encoding
    assert features is not None
    x = dataset.test.x * np.array(dataset.std) + np.array(dataset.mean)
    assert np.allclose(x, features.encode(test))
    assert np.allclose(x.sum(1), 3, atol=1e-6)


def test_true_in_one_file_is_1_in_another(tmp_path: Path) -> None:
    flags = [True, False] * 20
    frame = pd.DataFrame({"flag": flags, "kind": ["a", "b"] * 20})
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame.assign(flag=np.array(flags).astype(int)).to_csv(tmp_path / "test.csv", index=False)
    dataset = load(table(tmp_path), test=True)
    assert dataset.test is not None
    assert dataset.shape == (1,)
    test = dataset.test
    assert len({(float(x[0]), int(y)) for x, y in zip(test.x, test.y, strict=True)}) == 2


def test_categories_that_training_had_not_are_told(tmp_path: Path) -> None:
    frame = animals()
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame.assign(home="moon").to_csv(tmp_path / "test.csv", index=False)
    told: list[Note | Working] = []
    load(table(tmp_path), test=True, progress=told.append)
    note = "test split: column home: 60 rows hold values that training had not, such as 'moon'"
    assert note in [one.text for one in told if isinstance(one, Note)]


@pytest.mark.parametrize("copy", ["train.parquet", "train_old.csv"])
def test_two_tables_for_one_split_are_refused(tmp_path: Path, copy: str) -> None:
    """A copy's rows would be trained on and tested on."""
    animals().to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / copy).write_bytes(b"")
    with pytest.raises(UserError, match=r"for train, as is train\..*; keep one, or name parts"):
        load(table(tmp_path))


def test_one_file_with_decimal_commas_tells_of_all(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("price;rate;kind\n" + "1.250;0,10;a\n4.000;0,20;b\n" * 20)
    (tmp_path / "test.csv").write_text("price;rate;kind\n1.250;1;a\n4.000;2;b\n")
    dataset = load(table(tmp_path), test=True)
    assert dataset.test is not None
    x = dataset.test.x * np.array(dataset.std) + np.array(dataset.mean)
    assert x[:, 0].tolist() == pytest.approx([1250, 4000])
    assert dataset.preprocessing.encoding is not None
    assert dataset.preprocessing.encoding.decimal_comma
    alone = tables.read_table(tmp_path / "test.csv", decimal_comma=True)
    assert alone["price"].tolist() == [1250, 4000]
    (tmp_path / "points.csv").write_text("price;rate\n1250.5;1\n4000;2\n")
    points = tables.read_table(tmp_path / "points.csv", decimal_comma=True)
    assert points["price"].tolist() == [1250.5, 4000]


def test_text_over_numbers_is_a_header_whatever_stands_below(tmp_path: Path) -> None:
    rows = "".join(f"{sex},{20 + n},a\n" for n, sex in enumerate(["male", "female"] * 5))
    (tmp_path / "a.csv").write_text(f"male,age,label\n{rows}")
    assert list(tables.read_table(tmp_path / "a.csv").columns) == ["male", "age", "label"]


def test_blank_text_is_missing_in_every_form(tmp_path: Path) -> None:
    frame = pd.DataFrame({"g": ["x", "", "y", " "] * 5, "kind": ["a", "b", "a", ""] * 5})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    one, other = (load(table(tmp_path / name)) for name in ("a.csv", "a.parquet"))
    assert same(one, other)
    assert len(one.train.y) + len(one.validation.y) + 3 == 15
    features = encoded(one)
    records = [{"g": "x"}, {"g": ""}, {"g": None}]
    assert features.encode(features.rows(records)).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert features.unknown(records) == ""


@pytest.mark.parametrize(
    "dates",
    [
        [f"2024-{month:02}" for month in range(1, 13)],
        [f"{day}-Mar-2024" for day in range(1, 13)],
        [f"Jan {day}, 2020" for day in range(1, 13)],
        [f"202001{day:02}T000000" for day in range(1, 13)],
    ],
)
def test_dates_are_refused_however_they_are_written(dates: list[str]) -> None:
    frame = pd.DataFrame({"day": dates * 2})
    assert look_at(frame, "day").why_not == "dates or times"


@pytest.mark.parametrize("words", [["Decile 10", "Decile 20"], ["Mark 40", "Mark 41"], ["1001-01"]])
def test_words_that_resemble_dates_are_categories(words: list[str]) -> None:
    assert look_at(pd.DataFrame({"part": words * 20}), "part").kind == "category"


def test_a_column_that_only_one_file_of_a_folder_has_is_refused(tmp_path: Path) -> None:
    frame = animals()
    frame.to_csv(tmp_path / "train-0.csv", index=False)
    frame.drop(columns="age").assign(size=1.5).to_csv(tmp_path / "test.csv", index=False)
    message = r"size \(no values in training\); age \(test\.csv has no such column\); mend "
    with pytest.raises(UserError, match=message):
        load(table(tmp_path))
    dropped = load(table(tmp_path, drop=["age", "size"]), test=True)
    found = TABLE.survey(Data(name="table", path=tmp_path), silent)
    assert found.source.drop == ("size", "age")
    assert found.notes[1] == "age is dropped: test.csv has no such column."
    assert found.shape == dropped.shape == (6,)
    frame.drop(columns="tame").to_csv(tmp_path / "train-1.csv", index=False)
    with pytest.raises(UserError, match=r"tame \(train-1\.csv has no such column\)"):
        load(table(tmp_path, drop=["age", "size"]))


def test_a_file_without_labels_lacks_nothing(tmp_path: Path) -> None:
    animals().to_csv(tmp_path / "train.csv", index=False)
    animals()[["weight", "home"]].to_csv(tmp_path / "test.csv", index=False)
    assert load(table(tmp_path)).shape == (8,)


@pytest.mark.parametrize(
    ("text", "drop", "why"),
    [
        ("id,label", [], r"cannot learn from id \(one of its own in every row\)"),
        ("id,label", ["id"], r"left out are id \(one of its own .*\); data\.features may name id$"),
        ("size,label", ["size"], r"left out are size \(as data\.drop says\)"),
        ("label", [], "columns are label"),
    ],
)  # fmt: skip
def test_where_no_column_is_left_is_told(
    tmp_path: Path, text: str, drop: list[str], why: str
) -> None:
    frame = pd.DataFrame({"id": range(40), "size": [1.5, 2] * 20, "label": ["a", "b"] * 20})
    frame[text.split(",")].to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(UserError, match=rf"a\.csv: (no column is left to learn from; )?{why}"):
        load(table(tmp_path / "a.csv", label="label", drop=drop))


def test_init_tells_where_no_column_is_left(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(40), "label": ["a", "b"] * 20})
    frame.to_csv(tmp_path / "a.csv", index=False)
    message = r"a\.csv: no column is left to learn from; left out are id \(one of its own [^\n]*$"
    with pytest.raises(UserError, match=message):
        TABLE.survey(Data(name="table", path=tmp_path / "a.csv"), silent)


def test_rows_without_a_label_say_nothing_of_columns(tmp_path: Path) -> None:
    rows = "\n".join(f"{n % 20},{n % 2 == 0},{'cd'[n % 2]}" for n in range(40))
    (tmp_path / "a.csv").write_text(f"a,b,label\n{rows}\nTotal,,\n")
    found = TABLE.survey(Data(name="table", path=tmp_path / "a.csv"), silent)
    assert (found.source.drop, found.notes, found.shape) == ((), (), (2,))
    assert load(table(tmp_path / "a.csv", label="label")).shape == (2,)


def test_rows_without_a_label_need_no_split(tmp_path: Path) -> None:
    rows = "\n".join(f"{n % 20},{'train' if n % 3 else 'test'},{'cd'[n % 2]}" for n in range(40))
    (tmp_path / "a.csv").write_text(f"a,split,label\n{rows}\nTotal,,\n")
    found = TABLE.survey(Data(name="table", path=tmp_path / "a.csv"), silent)
    assert (found.source.split, found.source.drop, found.shape) == ("split", (), (1,))


def test_a_column_without_values_in_one_file_keeps_its_kind(tmp_path: Path) -> None:
    frame = animals()
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame[:9].assign(tame=[True, None, False] * 3, age=None).to_csv(
        tmp_path / "test.csv", index=False
    )
    found = load(table(tmp_path)).preprocessing.encoding
    assert found is not None
    assert [column.kind for column in found.columns] == ["number", "number", "number", "category"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_spaces_around_text_make_no_difference(tmp_path: Path, name: str) -> None:
    frame = animals()
    spaced = frame.assign(
        home=[
            home and home + " " * (n % 3)
            for n, home in enumerate(frame["home"].replace({np.nan: None}))
        ],
        kind=[f"{' ' * (n % 2)}{kind} " for n, kind in enumerate(frame["kind"])],
    )
    for folder, each in (("plain", frame), ("spaced", spaced)):
        (tmp_path / folder).mkdir()
        FORMS[name](each, tmp_path / folder / name)
    (plain, same_to_the_eye) = (load(table(tmp_path / f / name)) for f in ("plain", "spaced"))
    assert same(plain, same_to_the_eye)


def test_labels_such_as_01_keep_their_zeros(tmp_path: Path) -> None:
    frame = pd.DataFrame({"size": range(30), "kind": ["01", "02", "10"] * 10})
    frame.assign(size=frame["size"] / 2).to_csv(tmp_path / "a.csv", index=False)
    assert load(table(tmp_path / "a.csv")).classes == ("01", "02", "10")


@pytest.mark.parametrize("text", ["#id,age\n1,2\n3,4\n", "#a,1\n#b,2\n#a,1\n#b,2\n"])
def test_a_name_or_a_word_may_begin_as_comments_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert tables.read_table(tmp_path / "a.csv").iloc[:, 1].tolist()[:2] in ([2, 4], [1, 2])


def test_numbers_with_signs_are_told_to_be_categories(tmp_path: Path) -> None:
    share, price = ["5%", "12.5 %", "7%"] * 20, ["1,500", "990", "12,000"] * 20
    file, told = tmp_path / "a.csv", list[Note | Working]()
    animals().assign(share=share, price=price).to_csv(file, index=False)
    load(table(file), progress=told.append)
    found = [note.text for note in told if isinstance(note, Note) and "column" in note.text]
    assert [text.split(" are categories")[0] for text in found] == [
        f"{file}: column share: values such as '5%'",
        f"{file}: column price: values such as '1,500'",
    ]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"PAR1", "by its first bytes it is Parquet; let its name end in .parquet"),
        ("a.csv", b"ARROW1", "by its first bytes it is Arrow or Feather"),
        ("a.txt", b"PK\3\4", "it is a workbook, such as .xlsx, or a .zip file; save the table"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "it is packed; let its name end in .gz"),
        ("a.parquet.gz", gzip.compress(b"PAR1", mtime=0), "it is .parquet within .gz; unpack it"),
        (
            "a.csv",
            b"# of 2020\n# a, b\na,b,c\n1,2,3\n4,5,6\n",
            "it begins with a comment, a line of #",
        ),
        ("a.csv", b"# by us, to you\na,b,c\n1,2,3\n", "it begins with a comment"),
    ],
    ids=["parquet", "arrow", "workbook", "packed", "packed parquet", "comments", "a comment"],
)
def test_what_is_no_text_is_told(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: not a readable table \([^\n]*{what}[^\n]*$"):
        load(table(tmp_path / name))


def test_spaces_around_nothing_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,kind\n1,x,0\n2,NA ,1\n3,y,0\n4,  ,1\n")
    assert tables.read_table(tmp_path / "a.csv")["b"].isna().tolist() == [False, True, False, True]


def test_labels_that_look_like_nothing_are_labels(tmp_path: Path) -> None:
    frame = animals().assign(kind=["NA", "None", "null"] * 20)
    frame.loc[3, "kind"] = None
    frame.to_csv(tmp_path / "a.csv", index=False)
    told: list[Note | Working] = []
    dataset = load(table(tmp_path / "a.csv"), progress=told.append)
    assert dataset.classes == ("NA", "None", "null")
    assert told[0] == Note(f"{tmp_path / 'a.csv'}: 1 rows without a label (kind) are left out")


COLUMNS: dict[str, tuple[Any, str]] = {
    "dates": (pd.date_range("2020-01-01", periods=60), r"odd \(dates or times\)"),
    "dates as text": (["2020-01-01", "2021-05-07"] * 30, r"odd \(dates or times\)"),
    "dates of Europe": (["31.12.1999", "1.2.2001"] * 30, r"odd \(dates or times\)"),
    "times": (["12:30", "7:15"] * 30, r"odd \(dates or times\)"),
    "free text": (
        [f"this is the text of row {n}" for n in range(60)],
        r"odd \(free text\)",
    ),
    "codes": ([f"a{n}" for n in range(60)], r"odd \(a text of its own in every row\)"),
    "many categories": (
        [f"a{n % 55}" for n in range(60)],
        r"odd \(55 categories, more than 50\)",
    ),
    "a slip": ([1, 2, 3, 4, 5, 6, 7, 8, 9, "1O"] * 6, r"odd \(numbers, but also '1O'\)"),
    "nothing": ([None] * 60, r"odd \(no values\)"),
    "groups of digits": (
        [1, 2, 3, 4, 5, 6, 7, 8, 9, "1_000"] * 6,
        r"odd \(numbers, but also '1_000'\)",
    ),
    "infinite": ([1.0, float("inf")] * 30, r"odd \(numbers that are infinite or too large .*\)"),
    "too large": ([1.0, -1e39] * 30, r"odd \(numbers that are infinite or too large for float32\)"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_that_cannot_be_learned_from_is_named(tmp_path: Path, kind: str) -> None:
    values, why = COLUMNS[kind]
    frame = animals().assign(odd=values, other=pd.date_range("2020-01-01", periods=60))
    frame.to_csv(tmp_path / "a.csv", index=False)
    message = rf"a\.csv: cannot learn from {why}; other \(dates or times\); .*drop: \[odd, other\]$"
    with pytest.raises(UserError, match=message):
        load(table(tmp_path / "a.csv"))
    assert load(table(tmp_path / "a.csv", drop=["odd", "other"])).classes == ("cat", "dog", "owl")


@pytest.mark.parametrize("word", ["NAN", "NaN", "nan"])
def test_no_number_is_missing_however_it_is_written(tmp_path: Path, word: str) -> None:
    animals().to_csv(tmp_path / "a.csv", index=False, na_rep=word)
    animals().to_csv(tmp_path / "b.csv", index=False)
    assert same(load(table(tmp_path / "a.csv")), load(table(tmp_path / "b.csv")))


WORDS = st.one_of(
    st.from_regex(r"[-+]?[0-9_.]{1,5}(e[0-9]{1,3})?[ ,]?", fullmatch=True),
    st.sampled_from(["nan", "NAN", "inf", "-Infinity", "true", "0x1f", "\u0663", "1e400", "\xa05"]),
    st.booleans(),
    st.integers(),
)


@given(st.lists(st.one_of(st.none(), WORDS), min_size=2, max_size=6))
def test_what_is_a_number_becomes_a_feature(values: list[Any]) -> None:
    """What columns are said to hold is what an encoding can make of them."""
    frame = pd.DataFrame({"odd": pd.Series(values, dtype=object)})
    column = look_at(frame, "odd")
    if column.kind is not None:
        assert np.isfinite(Encoding.fit(frame, {"odd": column.kind}).encode(frame)).all()


DRAWN = np.random.default_rng(0)
NUMBERED: dict[str, Any] = {
    "Id": np.arange(1, 61),
    "row": np.arange(60),
    "place": DRAWN.permutation(60) + 1,
    "PassengerId": DRAWN.permutation(900)[:60],
    "text": DRAWN.permutation(60).astype(str),
}


@pytest.mark.parametrize("name", NUMBERED)
def test_numbers_of_rows_are_refused_unless_they_are_chosen(tmp_path: Path, name: str) -> None:
    frame = animals().assign(**{name: NUMBERED[name]})
    frame.to_parquet(tmp_path / "a.parquet")
    message = (
        rf"cannot learn from {name} \(one of its own in every row\); mend them, or give "
        rf"data\.drop: \[{name}\]; data\.features may name {name}$"
    )
    with pytest.raises(UserError, match=message):
        load(table(tmp_path / "a.parquet"))
    assert load(table(tmp_path / "a.parquet", drop=[name])).shape == (8,)
    assert load(table(tmp_path / "a.parquet", features=["weight", name])).shape == (2,)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(60.0),
        np.append(np.arange(59), 58),
        DRAWN.permutation(61)[DRAWN.permutation(61) != 60],
        DRAWN.permutation(900)[:60],
    ],
    ids=["floats", "one twice", "a gap", "any"],
)
def test_other_numbers_are_features(tmp_path: Path, values: Any) -> None:
    animals().assign(size=values).to_parquet(tmp_path / "a.parquet")
    assert load(table(tmp_path / "a.parquet")).shape == (9,)


@pytest.mark.parametrize("name", ["id", "row", "code"])
def test_identifiers_may_start_anew_in_each_split(tmp_path: Path, name: str) -> None:
    for split, rows in (("train", 40), ("test", 30)):
        values = [f"a{n}" for n in range(rows)] if name == "code" else np.arange(rows) + 1
        animals(rows).assign(**{name: values}).to_csv(tmp_path / f"{split}.csv", index=False)
    with pytest.raises(UserError, match=rf"cannot learn from {name} \(.* of its own in every row"):
        load(table(tmp_path))
    found = TABLE.survey(Data(name="table", path=tmp_path), silent)
    assert found.source.drop == (name,)
    assert found.notes[0].startswith(f"{name} is dropped: ")
    assert found.shape == load(table(tmp_path, drop=[name])).shape


def test_lists_are_no_columns(tmp_path: Path) -> None:
    animals().assign(odd=[[1, 2]] * 60).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"odd \(values of the type ndarray\)"):
        load(table(tmp_path / "a.parquet"))


def test_a_survey_drops_lists_and_structs(tmp_path: Path) -> None:
    odd = {"split": [["train"]] * 60, "odd": [[1, 2]] * 60, "pair": [{"a": 1}] * 60}
    animals().assign(**odd).to_parquet(tmp_path / "a.parquet")
    found = TABLE.survey(Data(name="table", path=tmp_path / "a.parquet"), silent)
    assert (found.source.label, found.source.split) == ("kind", None)
    assert found.source.drop == ("split", "odd", "pair")
    assert found.notes == (
        "split is dropped: values of the type ndarray.",
        "odd is dropped: values of the type ndarray.",
        "pair is dropped: values of the type dict.",
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"label": None}, "data.label: name the column to predict, perhaps kind; columns are"),
        ({"label": "kin"}, "data.label: no column 'kin'; did you mean 'kind'. columns are weight,"),
        ({"drop": ["wight"]}, "data.drop: no column 'wight'; did you mean 'weight'"),
        ({"features": ["wight"]}, "data.features: no column 'wight'"),
        ({"split": "home"}, "column home: 'farm' is no split; expected train, validation or test"),
        ({"features": ["age"], "drop": ["age"]}, "give data.features or data.drop, not both"),
        ({"label": "weight"}, r"column weight: holds \d.*, expected classes: text or whole"),
    ],
)
def test_a_column_that_is_not_there_is_named(
    tmp_path: Path, keys: dict[str, Any], message: str
) -> None:
    animals().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(UserError, match=message):
        load(table(tmp_path / "a.csv", **keys))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("header.csv", b"a,b\n"),
        ("a.parquet", b"PAR1 damaged"),
        ("a.arrow", b"ARROW1 damaged"),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99, mtime=0)[:20]),
        ("a.csv.zip", b"PK\3\4 damaged"),
        ("a.csv.xz", lzma.compress(b"a,b\n" + b"1,2\n" * 99)[:40]),
        ("b.csv.xz", b"no xz"),
        ("a.csv.bz2", b"no bz2"),
        ("b.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99, mtime=0)[:12] + b"damaged"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3,4\n"),
    ],
)
def test_a_damaged_table_is_told_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: (not a readable table|holds no rows)[^\n]*$"):
        load(table(tmp_path / name, label="b"))
    with pytest.raises(UserError, match=r"none\.csv: not a readable table .No such file"):
        load(table(tmp_path / "none.csv"))


def test_a_table_packed_by_a_package_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "a.csv.zst").write_bytes(b"(\xb5/\xfd")
    with pytest.raises(UserError, match=r"a\.csv\.zst: not a readable table .*zstandard[^\n]*$"):
        load(table(tmp_path / "a.csv.zst"))


@pytest.mark.parametrize("key", ["label", "split"])
def test_keys_of_tables_mean_nothing_to_others(key: str) -> None:
    takers = ", ".join(name for name, kind in DATA_SETS.items() if key in kind.keys)
    with pytest.raises(ValueError, match=f"{key}\n  has no meaning for digits, only for {takers}"):
        Data.model_validate({"name": "digits", key: "a"})


FAR = "\n".join(f"{n},{n}.5,{n % 2}" for n in range(300))


@pytest.mark.parametrize(
    ("text", "by_all_cores"),
    [
        (f"a,b,y\n{FAR}\n", True),
        (f"{FAR}\n\n", True),
        (f" a , b,y\r\n{FAR}\r\n1,nan,1\r\n", True),
        (f'a,b,y\n"1","2.5",0\n?,NA,1\n{FAR}', True),
        (f"a,b,y\n007,1e-3,0\n-1,.5,1\n{FAR}", True),
        (f"a,b,y\n{FAR}\n5,+1,0", True),
        (f"a,b,y\n{FAR}\n1,2,NA", False),
        (f"a,b,y\n{FAR}\n1,2024-01-01,0", False),
        (f"a,b,y\n{FAR}\n1,12:30:00,0", False),
        (f"a,b,y\n{FAR}\ntrue,2,0", False),
        (f"a,b,y\n{FAR}\nred,2,0", False),
        (f"a,b,y\n{FAR}\n1,2", False),
        (f"\n\na,b,y\n\n{FAR}", True),
    ],
)
def test_numbers_are_read_by_all_cores_as_pandas_reads_them(
    text: str, by_all_cores: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.csv").write_text(text)
    fast: list[bool] = []
    numbers = tables._numbers

    def seen(*given: Any) -> Any:
        frame = numbers(*given)
        fast.append(frame is not None)
        return frame

    monkeypatch.setattr(tables, "_numbers", seen)
    found = tables.read_table(tmp_path / "rows.csv", "y")
    monkeypatch.setattr(tables, "_numbers", lambda *_: None)
    expected = tables.read_table(tmp_path / "rows.csv", "y")
    assert fast == [by_all_cores]
    pd.testing.assert_frame_equal(found, expected, rtol=1e-15)
