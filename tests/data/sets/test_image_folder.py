from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from moe_search.data import Dataset, load
from moe_search.data.files.image_files import image_files
from moe_search.data.files.image_lists import _listing
from moe_search.errors import UserError
from moe_search.progress import Note, Working
from moe_search.spec import Data

COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


def paint(folder: Path, samples: int, suffix: str = ".png") -> None:
    """Images of one colour and many sizes, in a folder named after the colour."""
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for i in range(samples):
            Image.new("RGB", (9 + i, 12), colour).save(folder / name / f"{i}{suffix}")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    paint(tmp_path / "train", 5)
    paint(tmp_path / "test", 2)
    return tmp_path


def source(path: Path) -> Data:
    return Data(name="image_folder", path=path, image_size=8)


def test_a_train_and_test_pair(pair: Path) -> None:
    dataset = load(source(pair), test=True)
    assert dataset.classes == ("blue", "green", "red")
    assert dataset.shape == (3, 8, 8)
    assert dataset.augment is False
    assert (len(dataset.train.y), len(dataset.validation.y)) == (12, 3)
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [0, 0, 1, 1, 2, 2]
    for split in (dataset.train, dataset.validation, dataset.test):
        shown = split.x.mean((2, 3)).argmax(1)  # the channel that is lit
        assert np.array_equal(shown, 2 - split.y)
    assert np.allclose(dataset.train.x.mean((0, 2, 3)), np.zeros(3), atol=1e-6)
    assert np.allclose(dataset.train.x.std((0, 2, 3)), np.ones(3))


def test_without_a_pair_a_fifth_is_the_test_split(tmp_path: Path) -> None:
    paint(tmp_path, 10, ".bmp")
    dataset = load(source(tmp_path), test=True)
    assert dataset.test is not None
    assert np.bincount(dataset.test.y).tolist() == [2, 2, 2]
    assert len(dataset.train.y) + len(dataset.validation.y) == 24
    without = load(source(tmp_path))
    assert without.test is None
    assert np.array_equal(without.train.x, dataset.train.x)


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_split_of_its_own_is_the_one(pair: Path, name: str) -> None:
    paint(pair / name, 3)
    dataset = load(source(pair), test=True)
    assert dataset.test is not None
    counts = [np.bincount(s.y).tolist() for s in (dataset.train, dataset.validation)]
    assert counts == [[5, 5, 5], [3, 3, 3]]
    assert len(dataset.test.y) == 6


def test_with_train_and_val_alone_a_fifth_of_train_is_the_test_split(tmp_path: Path) -> None:
    paint(tmp_path / "train", 5)
    paint(tmp_path / "val", 3)
    dataset = load(source(tmp_path), test=True)
    assert dataset.classes == ("blue", "green", "red")
    assert dataset.test is not None
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [np.bincount(split.y).tolist() for split in splits] == [[4] * 3, [3] * 3, [1] * 3]


@pytest.mark.parametrize(
    ("train", "held_out", "test"),
    [
        ("Train", "Val", "Test"),
        ("training", "validation", "testing"),
        ("TRAIN", "dev", "TEST"),
        ("train_images", "val_images", "test_images"),
        ("train2017", "val2017", "test2017"),
        ("training_set", None, "test_set"),
    ],
)
def test_splits_are_called_as_people_call_them(
    tmp_path: Path, train: str, held_out: str | None, test: str
) -> None:
    counts = {train: 5, test: 2} | ({held_out: 3} if held_out else {})
    for name, count in counts.items():
        paint(tmp_path / name, count)
    dataset = load(source(tmp_path), test=True)
    assert dataset.classes == ("blue", "green", "red")
    assert dataset.test is not None
    splits = (dataset.train, dataset.validation, dataset.test)
    found = [np.bincount(split.y).tolist() for split in splits]
    assert found == [[5] * 3 if held_out else [4] * 3, [3 if held_out else 1] * 3, [2] * 3]


def test_two_folders_for_one_split_are_refused(pair: Path) -> None:
    paint(pair / "Testing", 2)
    with pytest.raises(UserError, match="test: for test, as is Testing; keep one"):
        load(source(pair))


def test_other_folders_beside_splits_are_none(pair: Path) -> None:
    paint(pair / "train_masks", 2)
    assert len(load(source(pair)).train.y) == 12


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train"):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.new("L", (8, 8), 40 * i).save(tmp_path / name / f"{i}.png")
    assert load(source(tmp_path)).classes == ("bus", "train")


def test_images_become_grey_where_one_channel_is_asked_for(tmp_path: Path) -> None:
    paint(tmp_path, 10)
    dataset = load(source(tmp_path).model_copy(update={"channels": 1}))
    assert dataset.shape == (1, 8, 8)
    brightness = dataset.train.x.mean((1, 2, 3)) * dataset.std[0] + dataset.mean[0]
    luma = np.array([29, 150, 76]) / 255  # ITU-R 601 of pure blue, green and red
    assert np.allclose(brightness, luma[dataset.train.y], atol=0.01)


def test_grey_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    for name, mode in (("a", "L"), ("b", "RGBA")):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.new(mode, (8, 8), 200).save(tmp_path / name / f"{i}.png")
    assert load(source(tmp_path)).shape == (3, 8, 8)


def test_images_are_found_in_the_order_of_torchvision(tmp_path: Path) -> None:
    for place in ("b/1.png", "b/0/2.JPG", "b/10.bmp", "b/z/y/0.tiff", "B/a.webp", "B/notes.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "elsewhere.png").touch()
    left_out: Counter[str] = Counter()
    classes, listing = _listing(tmp_path, left_out)
    theirs = ImageFolder(str(tmp_path))
    assert classes == tuple(theirs.classes)
    assert [(str(path), number) for path, number in listing] == theirs.samples


def test_test_images_are_not_opened_until_asked_for(pair: Path) -> None:
    (pair / "test" / "red" / "0.png").write_bytes(b"no image")
    assert load(source(pair)).test is None
    with pytest.raises(UserError, match=r"test/red/0\.png: not a readable image"):
        load(source(pair), test=True)


def test_who_waits_is_told_how_many_images_are_read(pair: Path) -> None:
    told: list[Note | Working] = []
    load(source(pair), test=True, progress=told.append)
    assert told == [
        *(Working("reading training images", done, 15) for done in range(15)),
        *(Working("reading test images", done, 6) for done in range(6)),
    ]


def test_the_content_must_be_of_a_known_format_whatever_the_name(pair: Path) -> None:
    path = pair / "train" / "red" / "3.png"
    Image.new("RGB", (8, 8)).save(path, "PCX")
    with pytest.raises(UserError, match=r"train/red/3\.png: not a readable image"):
        load(source(pair))


def test_a_truncated_image_is_named(pair: Path) -> None:
    path = pair / "train" / "red" / "3.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError, match=r"train/red/3\.png: not a readable image \([^\n]+$"):
        load(source(pair))


def test_a_class_that_only_test_has_is_refused(pair: Path) -> None:
    (pair / "test" / "yellow").mkdir()
    with pytest.raises(UserError, match=r"test/yellow: a class that .*train lacks$"):
        load(source(pair))


def test_a_class_that_test_lacks_keeps_the_numbers(pair: Path) -> None:
    for file in (pair / "test" / "blue").iterdir():
        file.unlink()
    (pair / "test" / "blue").rmdir()
    test = load(source(pair), test=True).test
    assert test is not None
    assert test.y.tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["nowhere"], "no such folder"),
        ([], "own: holds no class folder, expected two or more"),
        (["own/a", "own/b"], r"own/a: holds no images; names of images end in \.jpg"),
        (["own/train", "own/test"], "own/train: holds no class folder"),
    ],
)
def test_folders_without_images_are_refused(
    tmp_path: Path, folders: list[str], message: str
) -> None:
    if folders != ["nowhere"]:
        (tmp_path / "own").mkdir()
        for folder in folders:
            (tmp_path / folder).mkdir()
    with pytest.raises(UserError, match=message) as raised:
        load(source(tmp_path / "own"))
    assert "\n" not in str(raised.value)


def test_one_class_is_no_classification(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "0.png")
    with pytest.raises(UserError, match=r"one class folder \(a\), expected two or more"):
        load(source(tmp_path))


def test_files_that_systems_leave_are_no_images_and_no_classes(pair: Path) -> None:
    expected = load(source(pair), test=True)
    for place in ("train", "test"):
        paint(pair / place / ".ipynb_checkpoints", 1)
        paint(pair / place / "__MACOSX", 1)
        paint(pair / place / "red" / "@eaDir", 1)
        (pair / place / "red" / "._1.png").write_bytes(b"Mac OS X")
    told: list[Note | Working] = []
    found = load(source(pair), test=True, progress=told.append)
    assert found.classes == expected.classes
    assert np.array_equal(found.train.x, expected.train.x)
    assert not [one for one in told if isinstance(one, Note)]


def test_links_that_lead_back_are_not_followed(pair: Path) -> None:
    expected = load(source(pair), test=True)
    (pair / "train" / "red" / "up").symlink_to("..")
    (pair / "train" / "same").symlink_to(".")
    (pair / "train" / "blue" / "again").symlink_to(pair / "train" / "blue")
    found = load(source(pair), test=True)
    assert found.classes == expected.classes
    assert np.array_equal(found.train.x, expected.train.x)


def test_each_folder_is_read_once_by_whichever_links(tmp_path: Path) -> None:
    paint(tmp_path / "own", 4)
    paint(tmp_path / "more", 2)
    red = tmp_path / "own" / "red"
    for name in ("more", "once_more"):
        (red / name).symlink_to(tmp_path / "more" / "red")
    (tmp_path / "more" / "red" / "there").symlink_to(red)
    found = image_files(red, Counter())
    assert [str(file.relative_to(red)) for file in found] == [
        *(f"{n}.png" for n in range(4)),
        *(f"more/{n}.png" for n in range(2)),
    ]


def test_names_that_are_no_images_are_counted_by_suffix(pair: Path) -> None:
    for place in ("red/a.heic", "red/b.HEIC", "blue/notes.txt", "blue/README"):
        (pair / "train" / place).touch()
    for name, form in (("a.jfif", "JPEG"), ("b.gif", "GIF")):
        Image.new("RGB", (8, 8)).save(pair / "train" / "red" / name, form)
    told: list[Note | Working] = []
    dataset = load(source(pair), progress=told.append)
    assert len(dataset.train.y) + len(dataset.validation.y) == 17
    assert [one.text for one in told if isinstance(one, Note)] == [
        f"{pair}: 4 files are left out, which are no images by name: .heic 2, "
        "without suffix 1, .txt 1; save .heic as .jpg or .png"
    ]


PLACES = ("train/blue/0.png", "train/red/3.png", "test/green/1.png")


@pytest.fixture
def damaged(pair: Path) -> Path:
    for place in PLACES:
        (pair / place).write_bytes(b"no image")
    return pair


def test_all_unreadable_images_are_told_at_once(damaged: Path) -> None:
    for test, places in ((False, PLACES[:2]), (True, PLACES)):
        message = rf"^{len(places)} images cannot be read.* data\.unreadable: skip(\n|$)"
        with pytest.raises(UserError, match=message) as raised:
            load(source(damaged), test=test)
        assert [line.partition(": not a readable image")[0] for line in raised.value.__notes__] == [
            str(damaged / place) for place in places
        ]


def test_unreadable_images_are_skipped_where_that_is_asked_for(damaged: Path) -> None:
    told: list[Note | Working] = []
    skipping = source(damaged).model_copy(update={"unreadable": "skip"})
    dataset = load(skipping, test=True, progress=told.append)
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) == 13
    assert dataset.test.y.tolist() == [0, 0, 1, 2, 2]
    shown = dataset.test.x.mean((2, 3)).argmax(1)
    assert np.array_equal(shown, 2 - dataset.test.y)
    notes = [one.text for one in told if isinstance(one, Note)]
    assert [note.partition(" images are skipped; the first: ")[0] for note in notes] == [
        "2 of 15",
        "1 of 6",
    ]


def test_a_split_without_an_image_that_can_be_read_is_refused(pair: Path) -> None:
    for image in (pair / "test").rglob("*.png"):
        image.write_bytes(b"no image")
    skipping = source(pair).model_copy(update={"unreadable": "skip"})
    with pytest.raises(UserError, match="the test split has no sample that can be read"):
        load(skipping, test=True)


def flat(folder: Path, samples: int = 10) -> list[tuple[str, str]]:
    """Images of one colour in one folder, and the name and colour of each."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(samples):
        colour = sorted(COLOURS)[number % 3]
        Image.new("RGB", (9, 12), COLOURS[colour]).save(folder / f"img_{number}.png")
        rows.append((f"img_{number}", colour))
    return rows


def write_list(file: Path, rows: list[tuple[str, str]], header: str = "file_name,colour") -> None:
    file.write_text("\n".join([header, *(",".join(row) for row in rows)]))


def shows_its_class(dataset: Dataset) -> bool:
    splits = filter(None, (dataset.train, dataset.validation, dataset.test))
    return all(np.array_equal(s.x.mean((2, 3)).argmax(1), 2 - s.y) for s in splits)


@pytest.mark.parametrize("name", ["{}.png", "{}", "deep/{}.png"])
def test_a_table_of_names_and_classes(tmp_path: Path, name: str) -> None:
    rows = [(name.format(stem), colour) for stem, colour in flat(tmp_path / "own" / "deep", 30)]
    write_list(tmp_path / "own" / "labels.csv", rows)
    dataset = load(source(tmp_path / "own"), test=True)
    assert dataset.classes == ("blue", "green", "red")
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) + len(dataset.test.y) == 30
    assert shows_its_class(dataset)


WRITTEN = {
    "{:04}": "imgs/{:04}.png",
    "{:04}.png": "imgs/{:04}.png",
    "imgs\\{:04}.png": "imgs/{:04}.png",
    ".\\{:04}.png": "{:04}.png",
    "{}e1": "imgs/{}e1.png",
}
"""How a table names an image, and where it lies."""


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("name", WRITTEN)
def test_names_are_read_as_they_are_written(tmp_path: Path, name: str, form: str) -> None:
    rows = []
    for number, (stem, colour) in enumerate(flat(tmp_path / "imgs", 30)):
        (tmp_path / "imgs" / f"{stem}.png").rename(tmp_path / WRITTEN[name].format(number))
        rows.append({"id": name.format(number), "label": sorted(COLOURS).index(colour) * 9 + 1})
    frame, file = pd.DataFrame(rows), tmp_path / f"labels.{form}"
    match form:
        case "csv":
            frame.to_csv(file, index=False)
        case "jsonl":
            frame.to_json(file, orient="records", lines=True)
        case _:
            frame.to_parquet(file)
    dataset = load(source(tmp_path), test=True)
    assert dataset.classes == ("1", "10", "19")
    assert shows_its_class(dataset)


def test_labels_are_as_written_where_the_column_is_found(tmp_path: Path) -> None:
    """Words that stand for nothing elsewhere, and codes, are classes."""
    for words in (("none", "dent"), ("01", "02")):
        own = tmp_path / words[0]
        rows = [(f"{stem}.png", words[n % 2]) for n, (stem, _) in enumerate(flat(own))]
        write_list(own / "labels.csv", rows, "file_name,label")
        named = source(own).model_copy(update={"label": "label"})
        assert load(source(own)).classes == load(named).classes == tuple(sorted(words))


def test_an_image_that_two_tables_name_is_refused(tmp_path: Path) -> None:
    rows = [(f"{stem}.png", colour) for stem, colour in flat(tmp_path / "own")]
    for name in ("labels", "labels_old"):
        write_list(tmp_path / "own" / f"{name}.csv", rows)
    with pytest.raises(UserError, match=r"named by labels\.csv and labels_old\.csv; keep one"):
        load(source(tmp_path / "own"))


def test_a_table_without_classes_is_told(tmp_path: Path) -> None:
    flat(tmp_path, 12)
    lines = [f"img_{n},{n / 7}" for n in range(12)]
    (tmp_path / "all.csv").write_text("\n".join(["id,weight", *lines]))
    where = source(tmp_path).model_copy(update={"label": "kind"})
    with pytest.raises(UserError, match=r"all\.csv: column id names images, but none has their cl"):
        load(where)


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"id": "img_0", "label"', "not readable lines of JSON"), ("", "holds no rows")],
)
def test_damaged_lines_of_json_are_told(tmp_path: Path, text: str, message: str) -> None:
    flat(tmp_path, 12)
    (tmp_path / "labels.jsonl").write_text(text)
    with pytest.raises(UserError, match=rf"^[^\n]*labels\.jsonl: {message}[^\n]*$"):
        load(source(tmp_path))


def test_a_table_may_say_the_splits(tmp_path: Path) -> None:
    rows = flat(tmp_path, 30)
    splits = ["train", "train", "train", "val", "val", "val", "test", "test", "test", "train"] * 3
    lines = [
        f"{stem}.png,{n},{colour},{split}"
        for n, ((stem, colour), split) in enumerate(zip(rows, splits, strict=True))
    ]
    (tmp_path / "all.csv").write_text("\n".join(["path,weight,colour,part", *lines]))
    keys = {"label": "colour", "split": "part"}
    dataset = load(source(tmp_path).model_copy(update=keys), test=True)
    assert dataset.test is not None
    assert [len(s.y) for s in (dataset.train, dataset.validation, dataset.test)] == [12, 9, 9]
    assert shows_its_class(dataset)


def test_a_competitions_folders_are_read_but_not_its_sample_answers(tmp_path: Path) -> None:
    write_list(tmp_path / "train.csv", flat(tmp_path / "train_images", 12), "id,label")
    unknown = [(name, "red") for name, _ in flat(tmp_path / "test_images", 6)]
    write_list(tmp_path / "sample_submission.csv", unknown, "id,label")
    (tmp_path / "test.csv").write_text("id\n" + "\n".join(name for name, _ in unknown))
    dataset = load(source(tmp_path), test=True)
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) + len(dataset.test.y) == 12
    assert shows_its_class(dataset)


def test_a_table_that_a_system_leaves_is_skipped(tmp_path: Path) -> None:
    write_list(tmp_path / "labels.csv", flat(tmp_path, 12))
    (tmp_path / "._labels.csv").write_bytes(b"")
    assert shows_its_class(load(source(tmp_path), test=True))


def test_images_without_a_class_are_left_out_and_told(tmp_path: Path) -> None:
    rows = flat(tmp_path, 30)
    write_list(tmp_path / "labels.csv", [*rows[:28], *((name, "") for name, _ in rows[28:])])
    told: list[Note | Working] = []
    dataset = load(source(tmp_path), test=True, progress=told.append)
    assert dataset.test is not None
    assert len(dataset.train.y) + len(dataset.validation.y) + len(dataset.test.y) == 28
    assert Note(f"{tmp_path}: 2 images without a class are left out") in told


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([("gone.png", "red")], "file_name,colour", r"column file_name: no image 'gone.png'"),
        ([], "file_name,colour", r"labels\.csv: holds no rows|no table names images"),
        (
            [("1", "2")] * 40,
            "a,b",
            r"no table names images and their classes; expected one .*; .*labels\.csv: column a: "
            "no image '1'",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_told(
    tmp_path: Path, rows: list[tuple[str, str]], header: str, message: str
) -> None:
    known = [(f"{stem}.png", colour) for stem, colour in flat(tmp_path, 30)]
    write_list(tmp_path / "labels.csv", [*known, *rows] if len(rows) == 1 else rows, header)
    with pytest.raises(UserError, match=message):
        load(source(tmp_path))
