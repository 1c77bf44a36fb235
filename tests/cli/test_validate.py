"""``validate`` looks at the data, too: what is there, what is read, and how much that is."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from moe_search.cli import main

STUDY = """\
name: {name}
data: {data}
model: {{experts: {{low: 2, high: 4}}}}
training: {{epochs: 3, batch_size: 16}}
search: {{trials: 5, pruner: none, collapse: off, workers: 1}}
finalists: {{top: 1, seeds: 2}}
"""


def study(folder: Path, data: str, name: str = "mine") -> str:
    file = folder / f"{name}.yaml"
    file.write_text(STUDY.format(name=name, data=data))
    return str(file)


def arrays(folder: Path, labels: list[str]) -> str:
    """An .npz file with a sample for each label."""
    x = np.random.default_rng(0).normal(size=(len(labels), 5))
    np.savez(folder / "data.npz", x=x, y=np.array(labels))
    return "{name: arrays, path: data.npz}"


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["validate", *arguments])


def test_it_counts_samples_by_class_and_split_and_names_the_rare(tmp_path: Path) -> None:
    file = study(tmp_path, arrays(tmp_path, ["a"] * 80 + ["b"] * 15 + ["c"] * 5))
    before = sorted(tmp_path.iterdir())
    done = validate(file)
    assert done.exit_code == 0, done.output
    assert "64 training, 16 validation, 20 test; each of 5, 3 classes" in done.stdout
    assert "fewer than 10 training samples: c (3)" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["a", "51", "13", "16"] in lines
    assert ["c", "3", "1", "1"] in lines
    assert "7 trainings, 21 epochs, 1,344 sample-epochs" in done.stdout
    found = json.loads(validate(file, "--json").stdout)
    assert found["samples"]["training"] == {"a": 51, "b": 10, "c": 3}
    assert found["shape"] == [5]
    assert found["size"] == {"trainings": 7, "epochs": [21, 21], "sample_epochs": [1344, 1344]}
    assert sorted(tmp_path.iterdir()) == before


def test_each_of_many_classes_keeps_a_sample_for_training_and_it_is_told(tmp_path: Path) -> None:
    labels = [f"class {number:02}" for number in range(40)]
    file = study(tmp_path, arrays(tmp_path, (labels * 2)[:60]))
    done = validate(file, "--json")
    assert done.exit_code == 0, done.output
    samples = json.loads(done.stdout)["samples"]
    assert samples["training"].keys() == set(labels)
    assert min(samples["training"].values()) >= 1
    assert "of 40 classes have no sample in the validation split, such as class" in done.stderr
    assert "of 40 classes have no sample in the test split, such as class" in done.stderr
    assert "so that each class keeps one for training" in done.stderr


def test_of_many_classes_the_rarest_are_shown(tmp_path: Path) -> None:
    labels = [f"c{number}" for number in range(30) for _ in range(10 + number)]
    done = validate(study(tmp_path, arrays(tmp_path, labels)))
    assert "Samples of 20 of 30 classes, those with the fewest" in done.stdout
    shown = [line.split()[0] for line in done.stdout.splitlines() if line.startswith(" c")]
    assert "c0" in shown
    assert "c29" not in shown


def test_every_unreadable_image_is_named_at_once(tmp_path: Path) -> None:
    for split, name in itertools.product(("train", "val", "test"), ("cat", "dog")):
        (tmp_path / "photos" / split / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 8)).save(tmp_path / "photos" / split / name / f"{number}.png")
    damaged = ("train/cat/1.png", "train/dog/4.png", "val/cat/5.png", "test/dog/0.png")
    for name in damaged:
        (tmp_path / "photos" / name).write_bytes(b"no image")
    data = "{name: image_folder, path: photos, image_size: 8}"
    for quiet in ((), ("-q",)):
        done = validate(study(tmp_path, data), *quiet)
        assert done.exit_code == 2
        *each, last = done.stderr.splitlines()
        assert last.startswith("moe-search: 4 images cannot be read, the first: ")
        assert len(each) == 4
        assert not [name for name in damaged if f"photos/{name}: not a rea" not in done.stderr]
    skipped = validate(study(tmp_path, data), "--set", "data.unreadable=skip")
    assert skipped.exit_code == 0, skipped.output


def test_data_that_is_not_there_or_does_not_fit_is_refused(tmp_path: Path) -> None:
    lost = validate(study(tmp_path, "{name: arrays, path: nowhere.npz}"))
    assert lost.exit_code == 2
    assert "nowhere.npz" in lost.stderr
    assert lost.stdout == ""
    file = study(tmp_path, arrays(tmp_path, ["a", "b"] * 20))
    unfit = validate(file, "--set", "model.backbone=conv")
    assert unfit.exit_code == 2
    assert "model.backbone conv" in unfit.stderr


@pytest.mark.parametrize(
    ("name", "path", "reader"),
    [
        ("arrays", "rows.csv", "table"),
        ("arrays", "photos", "image_folder"),
        ("table", "data.npz", "arrays"),
        ("image_folder", "rows.csv", "table"),
        ("huggingface", "photos", "image_folder"),
    ],
)
def test_data_under_another_name_is_told_what_reads_it(
    tmp_path: Path, name: str, path: str, reader: str
) -> None:
    arrays(tmp_path, ["a", "b"] * 20)
    (tmp_path / "rows.csv").write_text("size,label\n1,x\n2,y\n" * 5)
    for animal in ("cat", "dog"):
        (tmp_path / "photos" / animal).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / animal / "0.png")
    keys = {"table": ", label: label", "image_folder": ", image_size: 8"}.get(name, "")
    done = validate(study(tmp_path, f"{{name: {name}, path: {path}{keys}}}"))
    assert done.exit_code == 2
    assert done.stderr.endswith(f"; data.name: {reader} reads it\n")


def test_published_data_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOE_SEARCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = study(tmp_path, "kmnist")
    done = validate(file)
    assert done.exit_code == 0, done.output
    assert "not here; run, or moe-search data prepare kmnist, downloads them" in done.stdout
    assert "7 trainings, 21 epochs\n" in done.stdout
    assert json.loads(validate(file, "--json").stdout)["samples"] is None
    assert validate(file, "--estimate").exit_code == 2
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["stanford_cars", "fer2013"])
def test_published_data_that_people_fetch_is_refused_as_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("MOE_SEARCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = study(tmp_path, name)
    done, ran = validate(file), CliRunner().invoke(main, ["run", file, "--quiet"])
    assert done.exit_code == ran.exit_code == 2
    assert "not found; fetch it from https://" in done.stderr
    assert done.stderr == ran.stderr
    assert done.stdout == ""


def test_a_study_that_is_wrong_does_not_keep_others_from_being_checked(tmp_path: Path) -> None:
    lost = study(tmp_path, "{name: arrays, path: nowhere.npz}", "lost")
    good = study(tmp_path, "digits", "good")
    bad = study(tmp_path, "nonsense", "bad")
    done = validate(lost, good, bad)
    assert done.exit_code == 2
    assert "study          good" in done.stdout
    first, second = done.stderr.splitlines()
    assert first.startswith(f"moe-search: {lost}: ")
    assert second.startswith(f"moe-search: {bad}:2: data: ")
    assert [one["study"] for one in json.loads(validate(good, good, "--json").stdout)] == [
        *("good", "good")
    ]


def test_without_a_search_it_says_so(tmp_path: Path) -> None:
    done = validate(study(tmp_path, "digits"), "--set", "model.experts=2")
    assert "trials         1, " in done.stdout
    assert "3 trainings, 9 epochs" in done.stdout
    assert "nothing is searched" in done.stdout
    one = ("--set", "model.experts=2", "--set", "finalists.top=0", "--set", "training.epochs=1")
    assert "1 training, 1 epoch, 1,150 sample-" in validate(study(tmp_path, "digits"), *one).stdout


@pytest.mark.slow
def test_status_says_as_validate_does_that_nothing_is_searched(tmp_path: Path) -> None:
    file = study(tmp_path, "digits")
    only = ("--set", "model.experts=2", "--set", "finalists.top=0", "--set", "training.epochs=1")
    done = CliRunner().invoke(main, ["run", file, "--quiet", *only])
    assert done.exit_code == 0, done.output
    status = CliRunner().invoke(main, ["status", file, *only])
    note = status.stdout.splitlines()[-1]
    assert note.startswith("nothing is searched")
    assert note in validate(file, *only).stdout
    assert "trials         1 of 1 trials" in status.stdout


@pytest.mark.slow
def test_an_estimate_is_said_to_be_one(tmp_path: Path) -> None:
    file = study(tmp_path, "digits")
    done = validate(file, "--estimate")
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("estimate")]
    assert "about " in line
    assert "with 1 worker on this machine" in line
    assert "drawn at random" in line
    found = json.loads(validate(file, "--estimate", "--json").stdout)["estimate"]
    assert 0 < found["seconds"] < 300
    assert found["workers"] == 1
    assert 1 <= found["configurations"] <= 3
