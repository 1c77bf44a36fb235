"""Raw samples as a model takes them: what it was trained on decides how they are read."""

import io
import re
import sqlite3
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from moe_search.data.encoding import Encoding
from moe_search.data.normalise import as_numbers
from moe_search.data.preprocessing import Preprocessing, as_input, range_warning

GREY, FEATURES = (1, 4, 4), (3,)
BYTES = Preprocessing(whole=True)
UNIT = Preprocessing(low=0.0, high=1.0)
WIDE = Preprocessing(low=0.0, high=255.0)

pixels = np.random.default_rng(0).integers(0, 256, (5, *GREY)).astype(np.uint8)


@pytest.mark.parametrize("trained_on", [BYTES, UNIT, None], ids=str)
def test_bytes_are_pixels_where_training_was_on_0_to_1(trained_on: Preprocessing | None) -> None:
    expected = pixels.astype(np.float32) / np.float32(255)
    assert np.array_equal(as_input(pixels, GREY, trained_on), expected)


def test_bytes_are_numbers_where_training_was() -> None:
    assert np.array_equal(as_input(pixels, GREY, WIDE), pixels)
    rows = np.array([[0, 1, 1]], np.uint8)
    assert as_input(rows, FEATURES, UNIT).tolist() == [[0, 1, 1]]


KINDS = [bool, np.uint8, np.int64, np.float32, np.float64]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained_on", KINDS)
@pytest.mark.parametrize("shape", [GREY, FEATURES], ids=["images", "features"])
def test_zeros_and_ones_are_those_of_training(
    shape: tuple[int, ...], trained_on: type, kind: type
) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (6, *shape))
    whole = trained_on is np.uint8
    trained = as_numbers(bits.astype(trained_on))
    kept = Preprocessing(low=0.0, high=float(trained.max()), whole=whole)
    found = as_input(bits.astype(kind), shape, kept)
    assert np.allclose(found, trained)
    assert range_warning(found, shape, kept) is None


def test_a_dark_image_is_no_zeros_and_ones() -> None:
    dark = np.zeros(GREY[1:], np.uint8)
    dark[0, 0] = 1
    file = io.BytesIO()
    Image.fromarray(dark).save(file, "PNG")
    expected = dark[np.newaxis, np.newaxis] / np.float32(255)
    assert np.array_equal(as_input(file.getvalue(), GREY, UNIT), expected)
    assert np.array_equal(as_input(dark, GREY, UNIT, pixels=True), expected)


def test_whole_numbers_of_any_type_are_bytes_where_training_was_on_bytes() -> None:
    expected = pixels.astype(np.float32) / np.float32(255)
    for values in (pixels.astype(np.int64), pixels.tolist(), pixels.astype(np.int64)[:, 0]):
        assert np.array_equal(as_input(values, GREY, BYTES), expected)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6).reshape(2, 3),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        [[0, 1, 2], [3.0, 4.0, 5.0]],
        pd.DataFrame(np.arange(6.0).reshape(2, 3)),
        pa.table({"a": [0, 3], "b": [1.0, 4.0], "c": [2, 5]}),
        pd.DataFrame({"a": [0, 3], "b": [1.0, 4.0], "c": [2, 5]}, dtype=object),
    ],
    ids=["float64", "int", "float32", "lists", "a frame", "Arrow", "objects"],
)
def test_numbers_of_any_type_are_cast(values: Any) -> None:
    assert np.array_equal(as_input(values, FEATURES, UNIT), np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "values",
    [
        pd.DataFrame({"a": [0.0, 3.0, 5.0]}),
        pd.DataFrame({"a": [0, 3, 5]}, dtype=object),
        pd.Series([0, 3, 5]),
        [0.0, 3.0, 5.0],
        [[0], [3], [5]],
    ],
    ids=["a frame", "objects", "a series", "a list", "lists"],
)
def test_samples_may_be_of_one_feature(values: Any) -> None:
    assert as_input(values, (1,), UNIT).tolist() == [[0], [3], [5]]
    assert as_input(values[:1], (1,), UNIT).tolist() == [[0]]


def test_a_cell_may_hold_a_sample() -> None:
    frame = pd.DataFrame({"x": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]})
    assert np.array_equal(as_input(frame, FEATURES, UNIT), np.arange(6.0).reshape(2, 3))


def test_true_and_false_are_numbers() -> None:
    assert as_input([[True, False, True]], FEATURES, None).tolist() == [[1, 0, 1]]


def test_image_files_are_decoded() -> None:
    file = io.BytesIO()
    Image.fromarray(pixels[0, 0]).save(file, "PNG")
    expected = pixels[:1].astype(np.float32) / np.float32(255)
    content = file.getvalue()
    for values in (content, [content], pd.DataFrame({"image": [content]})):
        assert np.array_equal(as_input(values, GREY, BYTES), expected)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([[np.nan, 0, 0]], "holds NaN"),
        ([[1e300, 0, 0]], "too large for float32"),
        ([["a", "b", "c"]], "holds <U1, expected numbers"),
        ([[1, 2]], r"an array \[1, 2\], but the model takes samples \[3\]"),
        (pd.DataFrame({"a": [1, 2, 3]}), r"an array \[3, 1\], but the model takes samples \[3\]"),
        ([b"no image"], r"the model takes samples \[3\], no images"),
    ],
)
def test_what_does_not_fit_is_refused(values: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        as_input(values, FEATURES, UNIT)


@pytest.mark.parametrize(
    ("values", "trained_on", "told"),
    [
        (
            pixels.astype(np.float32),
            BYTES,
            r"^values of \d+ to 2\d\d, but .* trained on 0 to 1; scale",
        ),
        (np.full((2, *GREY), 16.0), UNIT, "values of 16 to 16, but .* trained on 0 to 1; scale"),
        (np.full((2, *GREY), 0.9), WIDE, None),
        (np.full((2, *GREY), 0.9), UNIT, None),
        (np.full((2, *GREY), 16.0), None, None),
    ],
)
def test_pixels_far_from_those_of_training_are_told(
    values: Any, trained_on: Preprocessing | None, told: str | None
) -> None:
    found = range_warning(as_input(values, GREY, trained_on), GREY, trained_on)
    if told is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(told, found)


@pytest.fixture
def encoding() -> Encoding:
    frame = pd.DataFrame(
        {"age": [1.0, None, 5.0, 3.0], "home": ["sea", "farm", None, "sea"], "tame": [True] * 4}
    )
    return Encoding.fit(frame, {"age": "number", "home": "category", "tame": "number"})


class Row(NamedTuple):
    home: str
    tame: bool
    age: int


def rows_of_a_database() -> list[Any]:
    with closing(sqlite3.connect(":memory:")) as base:
        base.row_factory = sqlite3.Row
        return base.execute("select 'sea' as home, 1 as tame, 5 as age").fetchall()


RECORD = pd.Series({"home": "sea", "tame": True, "age": 5})
STRUCTURED = np.array([("sea", 1, 5)], [("home", "U3"), ("tame", "i4"), ("age", ">f8")])

ROWS: dict[str, Any] = {
    "a frame": pd.DataFrame({"tame": [True], "home": ["sea"], "age": [5], "other": ["x"]}),
    "others of one name": pd.DataFrame(
        [["sea", 1, 5, 0, 0]], columns=["home", "tame", "age", "x", "x"]
    ),
    "objects": pd.DataFrame({"age": [5], "home": ["sea"], "tame": [True]}, dtype=object),
    "text": pd.DataFrame({"age": ["5.0"], "home": ["sea"], "tame": ["true"]}),
    "a category": pd.DataFrame({"age": [5], "home": pd.Categorical(["sea"]), "tame": [1]}),
    "a record": {"age": 5, "home": "sea", "tame": 1},
    "records": [{"home": "sea", "age": 5.0, "tame": True}],
    "columns": {"age": [5], "home": ["sea"], "tame": [True]},
    "a list": [5, "sea", True],
    "lists": [[5, "sea", True]],
    "an array": np.array([[5, "sea", True]], object),
    "a series": RECORD,
    "series": [RECORD],
    "a series without names": pd.Series([5, "sea", True]),
    "columns as series": {name: pd.Series([RECORD[name]]) for name in RECORD.index},
    "a column as a series and others": {"home": pd.Series(["sea"]), "tame": True, "age": 5},
    "an Arrow table": pa.table({name: [RECORD[name]] for name in RECORD.index}),
    "a record batch": pa.RecordBatch.from_pylist([dict(RECORD)]),
    "a structured array": STRUCTURED,
    "a record array": STRUCTURED.view(np.recarray),
    "a structured record": STRUCTURED[0],
    "structured records": list(STRUCTURED),
    "a named tuple": Row("sea", True, 5),
    "named tuples": [Row("sea", True, 5)],
    "a database's": rows_of_a_database(),
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_of_a_table_of_any_type_are_encoded(encoding: Encoding, kind: str) -> None:
    trained_on = Preprocessing(encoding=encoding)
    found = as_input(ROWS[kind], (6,), trained_on)
    assert encoding.features == (
        *("age", "age is missing", "home=farm", "home=sea", "home is missing", "tame"),
    )
    assert found.tolist() == [[5, 0, 0, 1, 0, 1]]


def test_what_is_missing_or_new_is_encoded_as_in_training(encoding: Encoding) -> None:
    rows = pd.DataFrame({"age": [None, 2], "home": [None, "moon"], "tame": [None, False]})
    found = as_input(rows, (6,), Preprocessing(encoding=encoding))
    assert found.tolist() == [[3, 1, 0, 0, 1, 1], [2, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    "rows",
    [
        [["sea", np.nan, 1], [np.nan, 2.0, 0]],
        [("sea", np.nan, True), (None, 2, False)],
        np.array([["sea", np.nan, 1], [np.nan, 2.0, 0]], object),
        [{"home": "sea", "tame": 1}, {"age": 2.0, "tame": 0}],
    ],
    ids=["lists", "tuples", "an array", "records"],
)
def test_what_is_missing_beside_text_is_missing(rows: Any) -> None:
    frame = pd.DataFrame(
        {"home": ["sea", "farm", None], "age": [1.0, None, 5.0], "tame": [1, 0, 1]}
    )
    encoding = Encoding.fit(frame, {"home": "category", "age": "number", "tame": "number"})
    found = as_input(rows, (6,), Preprocessing(encoding=encoding))
    assert found.tolist() == [[0, 1, 0, 3, 1, 1], [0, 0, 1, 2, 0, 0]]


TWICE = pd.DataFrame([[5, 6, "sea", 1]], columns=["age", "age", "home", "tame"])


def test_a_lone_row_may_lack_values(encoding: Encoding) -> None:
    found = as_input([np.nan, "sea", True], (6,), Preprocessing(encoding=encoding))
    assert found.tolist() == [[3, 1, 0, 1, 0, 1]]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (pd.DataFrame({"age": [1], "tame": [True]}), "has no column home"),
        (
            pd.DataFrame({"age": ["x"], "home": ["sea"], "tame": [1]}),
            "column age: 'x' is no number",
        ),
        (pd.DataFrame({"age": [np.inf], "home": ["sea"], "tame": [1]}), "infinite or too large"),
        (pd.DataFrame({"age": [1e39], "home": ["sea"], "tame": [1]}), "age: holds numbers that"),
        *(
            (pd.DataFrame({"age": age, "home": "sea", "tame": 1}, [0]), r"column age: .* is no num")
            for age in (
                pd.Timestamp("2020"),
                pd.Timestamp("2020", tz="UTC"),
                pd.Timedelta("1s"),
                1 + 2j,
            )
        ),
        *(
            ([[age, "sea", 1]], r"column age: .* is no number")
            for age in (np.datetime64("2020-01"), np.timedelta64(1, "s"), 1 + 2j, b"5")
        ),
        ({"age": [[1]], "home": ["sea"], "tame": [1]}, r"column age: \[1\] is no number"),
        ([{"age": np.array(5), "home": "sea", "tame": 1}], "is no number"),
        (TWICE, "two columns are called 'age'; rename one of them"),
        (TWICE.iloc[0], "two columns are called 'age'; rename one of them"),
        (pd.Series([5, 6, 7], name="age"), "has no column home, tame"),
        (np.ones((2, 2)), "has no column age, home, tame"),
        ([[1, "sea"], [1]], "inhomogeneous"),
        (np.ones((2, 3, 3)), "an array .*, but the model takes rows of"),
    ],
)
def test_rows_that_do_not_fit_are_refused(encoding: Encoding, rows: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        as_input(rows, (6,), Preprocessing(encoding=encoding))


def test_json_keeps_all_of_it(encoding: Encoding) -> None:
    kept = Preprocessing(low=-1.0, high=2.0, whole=True, encoding=encoding)
    assert Preprocessing.model_validate_json(kept.model_dump_json()) == kept
