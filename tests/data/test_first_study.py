"""What init writes for one's own data: it is checked, run, and never overwrites."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import moe_search
from moe_search.cli import main
from moe_search.data.first_study import starting_study
from moe_search.data.sets.base import Survey
from moe_search.spec import Data, Study, load_study

Array = npt.NDArray[Any]

SHORT = (
    "training.epochs=1",
    "search.trials=1",
    "search.workers=1",
    "finalists.top=1",
    "finalists.seeds=1",
)


def noise(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def paint(folder: Path, counts: dict[str, int], mode: str, sides: tuple[int, int]) -> None:
    """Images of noise, grey or colour, of sizes between the two."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            side = sides[0] + (sides[1] - sides[0]) * i // max(count - 1, 1)
            pixels = noise((side, side + 3, *([3] if mode == "RGB" else [])), i)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")


def save(path: Path, x: Array, y: Array, **others: Array) -> Path:
    arrays: dict[str, Any] = {"x_train": x, "y_train": y, **others}
    np.savez(path, **arrays)
    return path


def grey_folder(folder: Path) -> Path:
    paint(folder / "My Scans", {"cat": 12, "dog": 12}, "L", (20, 41))
    return folder / "My Scans"


def colour_folder_in_three(folder: Path) -> Path:
    for split, count in (("train", 12), ("val", 3), ("test", 3)):
        paint(folder / "photos" / split, {"a": count, "b": count, "c": count}, "RGB", (30, 30))
    return folder / "photos"


def tabular(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(90, 7))
    return save(folder / "table.npz", x, np.arange(90) % 3)


def imbalanced(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(100, 4))
    x_val, y_val = x[:10], np.arange(10) % 2
    return save(folder / "rare.npz", x, (np.arange(100) >= 92) * 1, x_val=x_val, y_val=y_val)


def a_thousand_classes(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(4000, 20))
    return save(folder / "many.npz", x, np.arange(4000) % 1000)


def tiny_images(folder: Path) -> Path:
    return save(folder / "tiny.npz", noise((60, 3, 2, 2)), np.arange(60) % 2)


def labelled_rows(folder: Path) -> Path:
    """A table with a number of each row, a date, and numbers that are missing."""
    drawn = np.random.default_rng(0)
    lines = ["id,born,size,home,species"]
    for row in range(90):
        size = "" if row % 9 == 0 else f"{drawn.normal():.3f}"
        home, species = ("sea", "wood")[row % 2], ("cat", "dog", "owl")[row % 3]
        lines.append(f"{row + 7},2020-01-{row % 28 + 1:02},{size},{home},{species}")
    (folder / "animals.csv").write_text("\n".join(lines))
    return folder / "animals.csv"


def images_with_a_list(folder: Path) -> Path:
    """Images in one folder, and a table of their classes without suffixes."""
    paint(folder / "scans" / "raw", {".": 24}, "L", (20, 20))
    rows = [f"{n},{('sick', 'well')[n % 2]}" for n in range(24)]
    (folder / "scans" / "labels.csv").write_text("\n".join(["image_id,state", *rows]))
    return folder / "scans"


def huggingfaces_image_folder(folder: Path) -> Path:
    for split, count in (("train", 24), ("test", 6)):
        paint(folder / "pets" / split, {".": count}, "RGB", (20, 20))
        rows = [f"{n}.png,{('cat', 'dog')[n % 2]}" for n in range(count)]
        (folder / "pets" / split / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    return folder / "pets"


WRITTEN: dict[Callable[[Path], Path], tuple[str, list[str]]] = {
    grey_folder: (
        "my-scans",
        [
            "samples of 1 x 28 x 28, 2 classes",
            "image_size: 28",
            "channels: 1",
            "squares; yours are 2",
        ],
    ),
    colour_folder_in_three: ("photos", ["image_size: 28", "channels: 3", "validation: auto"]),
    tabular: (
        "table",
        ["72 training samples of 7, 3 classes", "backbone: mlp", "accuracy: 1.0"],
    ),
    imbalanced: (
        "rare",
        ["(1: 6, 0: 74)", "{balanced_accuracy: 1.0", "1 classes", "validation: auto"],
    ),
    a_thousand_classes: ("many", ["1000 classes", "backbone: mlp_table", "high: 16"]),
    tiny_images: ("tiny", ["backbone: mlp"]),
    labelled_rows: (
        "animals",
        [
            'label: "species"',
            'drop: ["id", "born"]',
            "# id is dropped: one of its own in every row.",
            "# born is dropped: dates or times.",
            "72 training samples of 4, 3 classes of 24",
        ],
    ),
    images_with_a_list: ("scans", ['label: "state"', "image_size: 20", "channels: 1"]),
    huggingfaces_image_folder: ("pets", ['label: "label"', "channels: 3", "24 training samples"]),
}


def init(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["init", *map(str, arguments)])


def test_init_as_json_says_what_it_saw(tmp_path: Path) -> None:
    folder, file = grey_folder(tmp_path), tmp_path / "study.yaml"
    assert json.loads(init("--data", folder, "--out", file, "--json").stdout) == {
        **{"file": str(file), "data": "image_folder", "path": str(folder), "training": 19},
        **{"shape": [1, 28, 28], "classes": {"cat": 9, "dog": 10}, "own_validation": False},
    }


@pytest.mark.parametrize("make", WRITTEN, ids=lambda make: make.__name__)
def test_what_is_written_runs_as_it_stands(
    make: Callable[[Path], Path], study_folder: Path
) -> None:
    file = study_folder / "study.yaml"
    said = init("--data", make(study_folder), "--out", file)
    assert said.exit_code == 0, said.output
    name, parts = WRITTEN[make]
    text = file.read_text()
    assert f"\nname: {name}\n" in text
    assert not [part for part in parts if part not in text]
    assert CliRunner().invoke(main, ["validate", str(file)]).exit_code == 0
    outcome = moe_search.run(file, [*SHORT, "storage.optuna=sqlite:///optuna.db"])
    assert outcome.champion == f"models:/{name}@champion"


def test_images_of_many_classes_have_a_wider_network(tmp_path: Path) -> None:
    file = save(tmp_path / "many.npz", noise((360, 16, 16)), np.arange(360) % 60)
    assert init("--data", file, "--out", tmp_path / "study.yaml").exit_code == 0
    study = load_study(tmp_path / "study.yaml")
    assert study.settings["model.backbone"] == "cifar100_d64"


@pytest.mark.parametrize(
    ("shape", "samples", "classes", "backbone"),
    [
        ((7,), 1000, 3, "mlp"),
        ((7,), 1000, 90, "mlp_d64"),
        ((7,), 9000, 90, "mlp_table"),
        ((384,), 1000, 3, "mlp_embedding"),
        ((1, 28, 28), 9000, 3, "conv"),
        ((3, 32, 40), 1000, 3, "conv"),
        ((3, 32, 40), 9000, 90, "residual"),
        ((1, 28, 28), 9000, 90, "cifar100_d64"),
    ],
)
def test_networks_fit_the_kind_and_number_of_samples(
    shape: tuple[int, ...], samples: int, classes: int, backbone: str, tmp_path: Path
) -> None:
    counts = {f"class {n}": samples // classes for n in range(classes)}
    source = Data(name="arrays", path=tmp_path / "x.npz")
    text = starting_study(Survey(source, shape, counts, own_validation=False), tmp_path)
    assert f"  backbone: {backbone} " in text


def test_data_below_the_study_is_named_by_a_relative_path(tmp_path: Path) -> None:
    file = tabular(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    for out, path in (("study.yaml", "table.npz"), ("elsewhere/study.yaml", str(file))):
        assert init("--data", file, "--out", tmp_path / out).exit_code == 0
        assert f'\n  path: "{path}"\n' in (tmp_path / out).read_text()
        assert load_study(tmp_path / out).data_path == file


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine"])
def test_known_data_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = init("--data", name)
    assert said.exit_code == 0, said.output
    assert "moe-search run study.yaml\n" in said.stdout
    study = load_study(tmp_path / "study.yaml")
    assert (study.name, study.data.name) == (name, name)
    assert isinstance(study, Study)


def test_names_in_the_data_stay_comments(tmp_path: Path) -> None:
    """A folder's name is somebody's text: it may not become a key of the study."""
    paint(tmp_path / "own", {"a\nsearch: {trials: 9}": 3, "b": 12}, "L", (9, 9))
    assert init("--data", tmp_path / "own", "--out", tmp_path / "study.yaml").exit_code == 0
    assert load_study(tmp_path / "study.yaml").search.trials == 30


def test_it_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    said = init("--data", "digits", "--out", tmp_path / "study.yaml")
    assert said.exit_code == 2
    assert said.stderr.endswith("study.yaml: is there already; name a new file\n")
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_an_image_that_cannot_be_read_keeps_no_study_from_being_written(tmp_path: Path) -> None:
    paint(tmp_path / "own", {"a": 3, "b": 3}, "RGB", (9, 9))
    (tmp_path / "own" / "b" / "0.png").write_text("no image")
    said = init("--data", tmp_path / "own", "--out", tmp_path / "study.yaml")
    assert said.exit_code == 0, said.output
    assert "own/b/0.png: not a readable image" in said.stderr
    assert "data.unreadable: skip leaves them out" in said.stderr
    assert load_study(tmp_path / "study.yaml").data.image_size == 8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("digit", "--data digit: no such file or folder; did you mean 'digits'? known"),
        ("empty", "--data empty: nothing reads it; one's own data is for arrays (an .npz file"),
        ("text.csv", "text.csv: holds no rows"),
        ("text.pdf", "--data text.pdf: nothing reads it"),
        ("phone", "--data phone: holds no images that are read; save .heic as .jpg or .png"),
        ("photo.HEIC", "--data photo.HEIC: holds no images that are read; save .heic as .jpg"),
        ("text.xlsx", "--data text.xlsx: a workbook (.xlsx) is not read; save the sheet as CSV"),
        ("years", "--data years: holds tables, such as year=2020/0.parquet, but none whose name"),
        ("numbers.csv", "numbers.csv: no column is likely to be predicted; name it as data.label"),
        ("broken", "broken/a/0.png: not a readable image"),
    ],
)
def test_data_that_cannot_be_read_is_told_in_one_line(
    data: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.csv").write_text("1,2,3\n")
    (tmp_path / "text.pdf").write_text("%PDF")
    (tmp_path / "photo.HEIC").touch()
    for name in ("a", "b"):
        (tmp_path / "phone" / name).mkdir(parents=True)
        (tmp_path / "phone" / name / "0.heic").touch()
    (tmp_path / "text.xlsx").write_text("PK")
    (tmp_path / "years" / "year=2020").mkdir(parents=True)
    (tmp_path / "years" / "year=2020" / "0.parquet").write_text("PAR1")
    (tmp_path / "numbers.csv").write_text("a,b\n" + "1.5,2.5\n2.5,7\n" * 9)
    paint(tmp_path / "broken", {"a": 1, "b": 1}, "L", (9, 9))
    (tmp_path / "broken" / "a" / "0.png").write_text("no image")
    (tmp_path / "broken" / "b" / "0.png").write_text("no image")
    said = init("--data", data)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.count("\n") == 1
    assert message in said.stderr
    assert not (tmp_path / "study.yaml").exists()
