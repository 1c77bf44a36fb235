"""Published data sets in tiny files of their own forms, as torchvision reads them."""

import bz2
import gzip
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from moe_search.data import load
from moe_search.data.load import read
from moe_search.errors import UserError
from moe_search.spec import Data

Array = npt.NDArray[Any]


def pixels(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def write_idx(file: Path, array: Array, packed: bool = False) -> None:
    kind = 8 if array.dtype == np.uint8 else 12
    content = bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    content += array.astype(array.dtype.newbyteorder(">")).tobytes()
    if packed:
        file, content = file.with_name(f"{file.name}.gz"), gzip.compress(content)
    file.write_bytes(content)


def kmnist(root: Path) -> None:
    folder = root / "KMNIST" / "raw"
    folder.mkdir(parents=True)
    for seed, split in enumerate(("train", "t10k")):
        write_idx(folder / f"{split}-images-idx3-ubyte", pixels(20, 28, 28, seed=seed))
        write_idx(folder / f"{split}-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 10)


def qmnist(root: Path) -> None:
    folder = root / "QMNIST" / "raw"
    folder.mkdir(parents=True)
    for seed, split in enumerate(("train", "test")):
        write_idx(folder / f"qmnist-{split}-images-idx3-ubyte", pixels(20, 28, 28, seed=seed))
        labels = np.column_stack([np.arange(20) % 10, *[np.full(20, 70_000 + seed)] * 7])
        write_idx(folder / f"qmnist-{split}-labels-idx2-int", labels.astype(np.int32))


def emnist(split: str, classes: int, first: int = 0) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        folder = root / "EMNIST" / "raw"
        folder.mkdir(parents=True)
        for seed, part in enumerate(("train", "test")):
            start, count = folder / f"emnist-{split}-{part}", 3 * classes
            labels = (np.arange(count) % classes + first).astype(np.uint8)
            write_idx(Path(f"{start}-images-idx3-ubyte"), pixels(count, 28, 28, seed=seed))
            write_idx(Path(f"{start}-labels-idx1-ubyte"), labels)

    return write


def svhn(root: Path) -> None:
    for seed, split in enumerate(("train", "test")):
        labels = (np.arange(20) % 10 + 1)[:, None].astype(np.uint8)
        content = {"X": pixels(32, 32, 3, 20, seed=seed), "y": labels}
        savemat(root / f"{split}_32x32.mat", content)


def usps(root: Path) -> None:
    for seed, name in enumerate(("usps.bz2", "usps.t.bz2")):
        values = pixels(20, 256, seed=seed) / 127.5 - 1
        lines = [
            f"{row % 10 + 1} " + " ".join(f"{n}:{v:.6f}" for n, v in enumerate(values[row], 1))
            for row in range(20)
        ]
        (root / name).write_bytes(bz2.compress("\n".join(lines).encode()))


def semeion(root: Path) -> None:
    bits = (pixels(40, 256) > 127).astype(float)
    rows = np.column_stack([bits, np.eye(10)[np.arange(40) % 10]])
    np.savetxt(root / "semeion.data", rows, fmt="%.4f")


def stl10(root: Path) -> None:
    folder = root / "stl10_binary"
    folder.mkdir()
    for seed, split in enumerate(("train", "test")):
        (folder / f"{split}_X.bin").write_bytes(pixels(20, 3, 96, 96, seed=seed).tobytes())
        labels = (np.arange(20) % 10 + 1).astype(np.uint8)
        (folder / f"{split}_y.bin").write_bytes(labels.tobytes())
    (folder / "class_names.txt").write_text(
        "airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n"
    )


def gtsrb(root: Path) -> None:
    folder = root / "gtsrb"
    for label in range(43):
        (folder / "GTSRB" / "Training" / f"{label:05}").mkdir(parents=True)
        for n in range(2):
            image = Image.fromarray(pixels(32, 32, 3, seed=10 * label + n))
            image.save(folder / "GTSRB" / "Training" / f"{label:05}" / f"0000{n}_00000.ppm")
        (folder / "GTSRB" / "Training" / f"{label:05}" / f"GT-{label:05}.csv").touch()
    (folder / "GTSRB" / "Final_Test" / "Images").mkdir(parents=True)
    lines = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for n in range(5):
        image = Image.fromarray(pixels(32, 32, 3, seed=900 + n))
        image.save(folder / "GTSRB" / "Final_Test" / "Images" / f"0000{n}.ppm")
        lines.append(f"0000{n}.ppm;32;32;5;5;27;27;{40 - n}")
    (folder / "GT-final_test.csv").write_text("\n".join(lines))


def fer2013(root: Path) -> None:
    """In the form of icml_face_data.csv, whose columns have another order, and names a space."""
    (root / "fer2013").mkdir()
    usage = ["Training"] * 14 + ["PublicTest"] * 4 + ["PrivateTest"] * 3
    rows = [
        f"{n % 7},{split},{' '.join(map(str, x.ravel()))}"
        for n, (split, x) in enumerate(zip(usage, pixels(21, 48, 48), strict=True))
    ]
    table = "\n".join(["emotion, Usage, pixels", *rows])
    (root / "fer2013" / "icml_face_data.csv").write_text(table)


Theirs = Callable[[str, bool], Any]


def emnist_of(split: str, root: str, train: bool) -> Any:
    return datasets.EMNIST(root, split=split, train=train)


SETS: dict[str, tuple[Callable[[Path], None], Theirs, int]] = {
    "kmnist": (kmnist, lambda root, train: datasets.KMNIST(root, train=train), 10),
    "qmnist": (qmnist, lambda root, train: datasets.QMNIST(root, train=train), 10),
    **{
        f"emnist_{split}": (
            emnist(split, classes, first),
            partial(emnist_of, split),
            classes,
        )
        for split, classes, first in (
            ("balanced", 47, 0),
            ("bymerge", 47, 0),
            ("byclass", 62, 0),
            ("letters", 26, 1),
            ("digits", 10, 0),
            ("mnist", 10, 0),
        )
    },
    "svhn": (svhn, lambda root, train: datasets.SVHN(root, "train" if train else "test"), 10),
    "usps": (usps, lambda root, train: datasets.USPS(root, train=train), 10),
    "stl10": (stl10, lambda root, train: datasets.STL10(root, "train" if train else "test"), 10),
    "gtsrb": (gtsrb, lambda root, train: datasets.GTSRB(root, "train" if train else "test"), 43),
    "fer2013": (
        fer2013,
        lambda root, train: datasets.FER2013(root, "train" if train else "test"),
        7,
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_images_and_labels_are_those_that_torchvision_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EMNIST's images are turned here; torchvision leaves that to its user, and a 'N/A' class."""
    write, theirs, classes = SETS[name]
    write(tmp_path)
    monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *_: True)
    monkeypatch.setattr("torchvision.datasets.fer2013.check_integrity", lambda *_, **__: True)
    monkeypatch.setattr(datasets.STL10, "_check_integrity", lambda self: True)
    raw = read(Data(name=name, root=tmp_path), test=True)
    assert len(raw.classes) == len(set(raw.classes)) == classes
    assert raw.test is not None
    for split, train in ((raw.training, True), (raw.test, False)):
        expected = theirs(str(tmp_path), train)
        assert len(split.y) == len(expected)
        for number, (image, label) in enumerate(expected):
            x_CHW = split.x[number]
            grey = np.asarray(image)[None] if x_CHW.shape[0] == 1 else None
            plain = np.asarray(image).transpose(2, 0, 1) if grey is None else grey
            turned = plain.transpose(0, 2, 1) if name.startswith("emnist") else plain
            assert np.array_equal(x_CHW, turned)
            assert split.y[number] == label - (name == "emnist_letters")
    dataset = load(Data(name=name, root=tmp_path), test=True)
    assert dataset.shape == raw.training.x.shape[1:]


def test_semeion(tmp_path: Path) -> None:
    semeion(tmp_path)
    raw = read(Data(name="semeion", root=tmp_path), test=True)
    assert raw.test is not None
    assert (len(raw.training.y), len(raw.test.y)) == (32, 8)
    assert raw.training.x.shape[1:] == (1, 16, 16)
    assert set(np.unique(raw.training.x)) == {0, 255}


def test_classes_are_named_as_torchvision_does(tmp_path: Path) -> None:
    kmnist(tmp_path)
    emnist("letters", 26, 1)(tmp_path)
    assert list(read(Data(name="kmnist", root=tmp_path), False).classes) == datasets.KMNIST.classes
    letters = datasets.EMNIST.classes_split_dict["letters"]
    assert ["N/A", *read(Data(name="emnist_letters", root=tmp_path), False).classes] == letters


DAMAGE: dict[str, tuple[Callable[[Path], None], str, bytes, str]] = {
    "svhn": (svhn, "train_32x32.mat", b"no matlab", "cannot be read"),
    "usps": (usps, "usps.bz2", bz2.compress(b"1 1:5\n"), "cannot be read .values of shape"),
    "semeion": (semeion, "semeion.data", b"1 0 1\n", "cannot be read .values of shape"),
    "stl10": (stl10, "stl10_binary/train_X.bin", b"short", "5 bytes for 20 labels"),
    "gtsrb": (gtsrb, "gtsrb/GT-final_test.csv", b"a;b\n1;2\n", "has no columns Filename and"),
    "fer2013": (
        fer2013,
        "fer2013/fer2013.csv",
        b"emotion,pixels,Usage\n0,1 2 3,Training\n1,4 5 6,PublicTest\n",
        "cannot be read .pixels of shape .1, 3.",
    ),
    "emnist_letters": (
        emnist("letters", 26, 1),
        "EMNIST/raw/emnist-letters-train-labels-idx1-ubyte",
        bytes((0, 0, 8, 1)) + struct.pack(">I", 78) + bytes(78),
        r"label 0 out of range, expected 1\.\.26",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    write, file, content, message = DAMAGE[name]
    write(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=rf"{Path(file).name}: {message}[^\n]*$"):
        read(Data(name=name, root=tmp_path), test=True)
