"""Ten kinds of data, each from init through run to predict, as a new user goes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from support.huggingface_folders import pictures, save_dict

from moe_search.cli import main
from moe_search.data import load
from moe_search.spec import Data

SHORT = [
    part
    for setting in (
        "training.epochs=1",
        "training.batch_size=32",
        "search.trials=1",
        "search.workers=1",
        "finalists={top: 1, seeds: 1}",
    )
    for part in ("--set", setting)
]
RNG = np.random.default_rng(0)
KINDS = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Kind:
    """What a user has.

    Attributes:
        data: what ``init --data`` is given.
        unseen: what ``predict`` is given.
        answers: how many it gives.
        classes: as they are called.
    """

    data: Path | str
    unseen: Path
    answers: int
    classes: tuple[str, ...] = KINDS


def animals(rows: int) -> pd.DataFrame:
    """Numbers, one of which is missing now and then, a category and true or false."""
    kind = np.arange(rows) % 3
    return pd.DataFrame(
        {
            "size": np.where(np.arange(rows) % 10, RNG.normal(kind, 0.1), np.nan),
            "home": np.array(["sea", "wood"])[np.arange(rows) % 2],
            "tame": kind == 1,
            "species": np.array(KINDS)[kind],
        }
    )


def unseen_rows(folder: Path) -> Path:
    animals(6).drop(columns="species").to_csv(folder / "unseen.csv", index=False)
    return folder / "unseen.csv"


def packed_csv(folder: Path) -> Kind:
    animals(90).to_csv(folder / "animals.csv.gz", index=False, sep=";", quoting=1)
    return Kind(folder / "animals.csv.gz", unseen_rows(folder), 6)


def parquet(folder: Path) -> Kind:
    animals(90).to_parquet(folder / "animals.parquet")
    return Kind(folder / "animals.parquet", unseen_rows(folder), 6)


def feather(folder: Path) -> Kind:
    animals(90).to_feather(folder / "animals.feather")
    return Kind(folder / "animals.feather", unseen_rows(folder), 6)


def tables_by_split(folder: Path) -> Kind:
    (folder / "animals").mkdir()
    for split, rows in (("train", 90), ("test", 30)):
        animals(rows).to_csv(folder / "animals" / f"{split}.tsv", index=False, sep="\t")
    return Kind(folder / "animals", unseen_rows(folder), 6)


def arrays_with_words(folder: Path) -> Kind:
    np.savez(folder / "mine.npz", X=RNG.normal(size=(90, 5)), y=np.array(KINDS)[np.arange(90) % 3])
    np.save(folder / "unseen.npy", RNG.normal(size=(4, 5)))
    return Kind(folder / "mine.npz", folder / "unseen.npy", 4)


def folder_of_arrays(folder: Path) -> Kind:
    """Images of bytes with the channels last; classes from 1, with a gap."""
    (folder / "mine").mkdir()
    np.save(folder / "mine" / "data.npy", RNG.integers(0, 256, (90, 12, 12, 3), np.uint8))
    np.save(folder / "mine" / "labels.npy", np.array([1, 2, 5])[np.arange(90) % 3])
    np.save(folder / "unseen.npy", RNG.integers(0, 256, (4, 12, 12, 3), np.uint8))
    return Kind(folder / "mine", folder / "unseen.npy", 4, ("1", "2", "5"))


def paint(file: Path, number: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    colour = tuple(int(value) for value in RNG.integers(0, 256, 3))
    Image.new("RGB", (20 + number, 24), colour).save(file)


def unseen_images(folder: Path) -> Path:
    for number in range(3):
        paint(folder / "unseen" / f"{number}.png", number)
    return folder / "unseen"


def folder_a_class(folder: Path) -> Kind:
    for number in range(36):
        paint(folder / "photos" / KINDS[number % 3] / f"{number}.jpg", number)
    return Kind(folder / "photos", unseen_images(folder), 3)


def images_with_a_list(folder: Path) -> Kind:
    rows = ["image,species"]
    for number in range(36):
        paint(folder / "photos" / "all" / f"{number}.jpg", number)
        rows.append(f"{number}.jpg,{KINDS[number % 3]}")
    (folder / "photos" / "labels.csv").write_text("\n".join(rows))
    return Kind(folder / "photos", unseen_images(folder), 3)


def hugging_face(folder: Path) -> Kind:
    save_dict(folder / "saved", train=pictures(40), test=pictures(10))
    return Kind(folder / "saved", unseen_images(folder), 3, ("blue", "red"))


def shipped(folder: Path) -> Kind:
    test = load(Data(name="iris"), test=True).test
    assert test is not None
    np.save(folder / "unseen.npy", test.x[:5])
    return Kind("iris", folder / "unseen.npy", 5, ("setosa", "versicolor", "virginica"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        packed_csv,
        parquet,
        feather,
        tables_by_split,
        arrays_with_words,
        folder_of_arrays,
        folder_a_class,
        images_with_a_list,
        hugging_face,
        shipped,
    ],
    ids=lambda make: make.__name__,
)
def test_from_init_to_predict(
    make: Callable[[Path], Kind], study_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study_folder)
    kind = make(study_folder)

    def command(*arguments: object) -> str:
        done = CliRunner().invoke(main, [*map(str, arguments)])
        assert done.exit_code == 0, done.output
        return done.stdout

    command("init", "--data", kind.data)
    command("run", "study.yaml", *SHORT)
    command("pull", "study.yaml", "--to", "champion", *SHORT)
    header, *answers = command("predict", "champion", kind.unseen).splitlines()
    assert header == "file\tclass\tprobability\texpert"
    assert len(answers) == kind.answers
    assert {answer.split("\t")[1] for answer in answers} <= set(kind.classes)
    assert not list(study_folder.glob(".moe-search-*"))
