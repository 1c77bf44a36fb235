"""Files as a model takes them, and files it cannot take.

Shape suffixes: B sample; H height, W width, C channel.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from PIL import Image
from support.drawn_models import GREY, RGB, classifier

from moe_search.data.encoding import Encoding
from moe_search.data.preprocessing import Preprocessing
from moe_search.errors import UserError
from moe_search.models.predict import files_in, predict
from moe_search.package.classifier import Classifier
from moe_search.pyfunc import _Predictor


def probabilities(model: Classifier, file: Path) -> list[float]:
    return [prediction.probability for prediction in predict(model, file)]


def expected(model: Classifier, x_BS: npt.NDArray[np.float32]) -> Any:
    return pytest.approx(model(torch.from_numpy(x_BS)).max(1).values.tolist(), abs=1e-6)


def as_pixels(bytes_BS: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return bytes_BS.astype(np.float32) / np.float32(255)


@pytest.fixture
def x_BCHW() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).random((5, *RGB), np.float32)


def test_layouts_of_arrays_are_told_apart(tmp_path: Path, x_BCHW: npt.NDArray[np.float32]) -> None:
    model, file = classifier(RGB), tmp_path / "x.npy"
    for stored in (x_BCHW, x_BCHW.transpose(0, 2, 3, 1), x_BCHW.astype(np.float64)):
        np.save(file, stored)
        assert probabilities(model, file) == expected(model, x_BCHW)
    for stored in (x_BCHW[0], x_BCHW[0].transpose(1, 2, 0)):
        np.save(file, stored)
        assert probabilities(model, file) == expected(model, x_BCHW[:1])


def test_grey_needs_no_channel(tmp_path: Path) -> None:
    model, file = classifier(GREY), tmp_path / "x.npz"
    x_BHW = np.random.default_rng(0).random((4, 8, 8), np.float32)
    np.savez(file, x_BHW)
    assert probabilities(model, file) == expected(model, x_BHW[:, None])
    np.savez(file, x_BHW[0])
    assert probabilities(model, file) == expected(model, x_BHW[:1, None])


def test_bytes_are_pixels(tmp_path: Path) -> None:
    model, file = classifier(GREY), tmp_path / "x.npy"
    x_BHW = np.random.default_rng(0).integers(0, 256, (4, 8, 8)).astype(np.uint8)
    np.save(file, x_BHW)
    assert probabilities(model, file) == expected(model, as_pixels(x_BHW[:, None]))


def test_features(tmp_path: Path) -> None:
    model, file = classifier((6,)), tmp_path / "x.npy"
    x_BF = np.random.default_rng(0).random((300, 6), np.float32)
    np.save(file, x_BF)
    found = list(predict(model, file))
    assert [one.sample for one in found] == list(range(300))
    assert [one.probability for one in found] == expected(model, x_BF)


def test_rows_under_names_that_are_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"400": [1.5, 2.5], "401": [3.0, 4.0], "402": [5.0, 6.0]})
    model, file = classifier((3,)), tmp_path / "unseen.csv"
    encoding = Encoding.fit(frame, dict.fromkeys(frame.columns, "number"))
    model.preprocessing = Preprocessing(encoding=encoding)
    frame[["402", "400", "401"]].to_csv(file, index=False)
    assert probabilities(model, file) == expected(model, np.array(frame, np.float32))


CODES = pd.DataFrame(
    {
        "dep": ["01", "02", "2A"],
        "flag": ["true", "false", "unknown"],
        "ver": ["1.0", "2.0", "3.x"],
    }
)


def of_codes() -> Classifier:
    model = classifier((9,))
    encoding = Encoding.fit(CODES, dict.fromkeys(CODES.columns, "category"))
    model.preprocessing = Preprocessing(encoding=encoding)
    return model


def test_categories_are_text_even_if_all_of_a_file_look_like_numbers(tmp_path: Path) -> None:
    (tmp_path / "unseen.csv").write_text("dep,flag,ver\n01,true ,1.0\n")
    x_BF = np.array([[1, 0, 0, 0, 1, 0, 1, 0, 0]], np.float32)
    assert probabilities(of_codes(), tmp_path / "unseen.csv") == expected(of_codes(), x_BF)


def test_a_whole_number_is_the_same_beside_a_gap(tmp_path: Path) -> None:
    model, file = classifier((3,)), tmp_path / "unseen.csv"
    frame = pd.DataFrame({"code": ["1", "2", "x"]})
    encoding = Encoding.fit(frame, {"code": "category"})
    model.preprocessing = Preprocessing(encoding=encoding)
    pd.DataFrame({"code": [1, None], "other": 0}).to_csv(file, index=False)
    assert "1.0" in file.read_text()
    x_BF = np.array([[1, 0, 0], [0, 0, 0]], np.float32)
    assert probabilities(model, file) == expected(model, x_BF)


def test_new_categories_are_told(tmp_path: Path) -> None:
    file, told = tmp_path / "unseen.csv", list[Any]()
    file.write_text("dep,flag,ver\nzz,true,1.0\n01,,1.0\nyy,false,4.0\n")
    assert len(list(predict(of_codes(), file, progress=told.append))) == 3
    (note,) = told
    assert note.text == (
        f"{file}: column dep: 2 rows hold values that training had not, such as 'zz'; "
        "column ver: 1 rows hold values that training had not, such as '4.0'"
    )


def test_a_served_model_tells_new_categories_and_ignores_spaces() -> None:
    served = _Predictor(of_codes())
    rows = {"dep": ["01", "zz"], "flag": "true", "ver": "1.0"}
    with pytest.warns(UserWarning, match="^column dep: 1 rows hold values .* such as 'zz'$"):
        expected = served.predict(pd.DataFrame(rows))
    found = served.predict(pd.DataFrame({"dep": [" 01 "], "flag": "true ", "ver": "1.0"}))
    pd.testing.assert_frame_equal(found, expected[:1])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("shape", [GREY, RGB])
def test_images_are_brought_to_the_models_channels_and_size(
    tmp_path: Path, mode: str, shape: tuple[int, int, int]
) -> None:
    """An image of one colour stays that colour at any size."""
    model, file = classifier(shape), tmp_path / "image.png"
    Image.new("RGB", (33, 21), (102, 102, 102)).convert(mode).save(file)
    x = np.full((1, *shape), 0.4, np.float32)
    (found,) = predict(model, file)
    assert [found.probability] == expected(model, x)
    assert found.sample is None


def test_width_is_across(tmp_path: Path) -> None:
    model, file = classifier(RGB), tmp_path / "image.png"
    pixels_HWC = np.random.default_rng(0).integers(0, 256, (12, 10, 3)).astype(np.uint8)
    Image.fromarray(pixels_HWC).save(file)
    x_BCHW = pixels_HWC.transpose(2, 0, 1)[np.newaxis]
    assert probabilities(model, file) == expected(model, as_pixels(x_BCHW))


def saved(file: Path, content: object) -> None:
    match content:
        case bytes():
            file.write_bytes(content)
        case dict():
            np.savez(file, **content)
        case np.ndarray():
            np.save(file, content, allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.npy", np.zeros((2, 7, 8)), r"an array \[2, 7, 8\], but the model takes .*\[1, 8, 8\]"),
        ("x.npy", np.array([{}], dtype=object), "not a readable array"),
        ("x.npy", np.full((8, 8), np.nan), "NaN"),
        ("x.npy", np.array(["a"]), "expected numbers"),
        ("x.npy", b"", "not a readable array"),
        ("x.npz", b"PK\x03\x04", "not a readable array"),
        ("x.npz", {"a": np.zeros(1), "b": np.zeros(1)}, "holds the arrays a, b; expected one"),
        ("x.png", b"\x89PNG\r\n\x1a\n", r"not a readable image \(no image; expected AVIF, BMP"),
        ("none.npy", None, "No such file"),
        ("none.png", None, "No such file"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, name: str, content: object, why: str) -> None:
    saved(tmp_path / name, content)
    with pytest.raises(UserError, match=why) as error:
        list(predict(classifier(GREY), tmp_path / name))
    assert str(error.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(error.value)


def test_an_image_for_a_model_of_features(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    with pytest.raises(UserError, match=r"takes samples \[6\], no images"):
        list(predict(classifier((6,)), tmp_path / "x.png"))


@pytest.mark.parametrize("name", ["rows.json", "x.png"])
def test_other_files_for_a_model_of_tables(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=rf"{name}: the model takes rows of a table; .* dep, flag,"):
        list(predict(of_codes(), tmp_path / name))


def test_of_a_folder_all_images_are_meant(tmp_path: Path) -> None:
    for name in ("b/1.png", "a.jpg", "b/.hidden.png", "b/2.PNG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name, "PNG")
    (tmp_path / "b" / "notes.txt").write_text("x")
    array = tmp_path / "x.npy"
    told: list[object] = []
    files = files_in([array, tmp_path], told.append)
    assert files == [array, *(tmp_path / name for name in ("a.jpg", "b/1.png", "b/2.PNG"))]
    (note,) = told
    assert "1 file is left out" in str(note)


def test_of_a_folder_of_images_alone_nothing_is_told(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    told: list[object] = []
    assert files_in([tmp_path], told.append) == [tmp_path / "a.png"]
    assert told == []


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"a folder without images"):
        files_in([tmp_path])


def test_images_that_are_not_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.heic").touch()
    with pytest.raises(UserError, match=r"without images; .*; save \.heic as \.jpg or \.png$"):
        files_in([tmp_path])
    told: list[Any] = []
    Image.new("L", (8, 8)).save(tmp_path / "b.png")
    files_in([tmp_path], told.append)
    assert told[0].text.endswith("is no image by name: .heic 1; save .heic as .jpg or .png")


def test_a_near_black_image_is_no_zeros_and_ones(tmp_path: Path) -> None:
    x_HW = np.zeros((8, 8), np.uint8)
    x_HW[0] = 1
    Image.fromarray(x_HW).save(tmp_path / "x.png")
    model = classifier(GREY)
    model.preprocessing = Preprocessing(low=0.0, high=1.0)
    assert probabilities(model, tmp_path / "x.png") == expected(model, as_pixels(x_HW)[None, None])


def test_top1_of_an_attentive_gate(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((8, 8), np.float32))
    model = classifier(GREY, gate="attentive")
    with pytest.raises(UserError, match=r"^--top1: the attentive gate .* original gate$"):
        list(predict(model, tmp_path / "x.npy", top1=True))
