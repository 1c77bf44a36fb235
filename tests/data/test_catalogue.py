import gzip
import struct
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from torchvision import datasets

from moe_search.data import load, prepare
from moe_search.data.catalogue import Files, find, locate, user_cache
from moe_search.data.sets import idx
from moe_search.data.sets.base import TorchvisionSet
from moe_search.errors import UserError
from moe_search.progress import Note, Working, silent
from moe_search.spec import Data
from moe_search.spec.kinds.data_sets import DATA_SETS


def put_mnist(folder: Path, samples: int) -> Path:
    """A small MNIST of gzipped files, told apart by its number of samples."""
    folder.mkdir(parents=True)
    images = b"\0\0\x08\x03" + struct.pack(">3I", samples, 28, 28) + bytes(samples * 784)
    labels = b"\0\0\x08\x01" + struct.pack(">I", samples) + bytes(i % 10 for i in range(samples))
    for split in ("train", "t10k"):
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment and a cache folder of its own, without data, and no way out."""

    def unreachable(*_: Any, **__: Any) -> None:
        raise URLError("no network\nhere")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("MOE_SEARCH_DATA", str(tmp_path / "env"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_root_is_looked_at_first_then_the_environment_then_the_cache(env: Path) -> None:
    cached = put_mnist(user_cache() / "MNIST" / "raw", 20)
    assert locate(idx.MNIST.files, env / "root", silent) == cached
    named = put_mnist(env / "env" / "MNIST" / "raw", 20)
    assert locate(idx.MNIST.files, env / "root", silent) == named
    rooted = put_mnist(env / "root" / "MNIST" / "raw", 20)
    assert locate(idx.MNIST.files, env / "root", silent) == rooted
    assert locate(idx.MNIST.files, None, silent) == named


def test_the_environment_is_read_at_each_call(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_mnist(env / "env" / "MNIST" / "raw", 20)
    assert len(load(Data(name="mnist", validation=10)).train.y) == 10
    put_mnist(env / "other" / "MNIST" / "raw", 30)
    monkeypatch.setenv("MOE_SEARCH_DATA", str(env / "other"))
    assert len(load(Data(name="mnist", validation=10)).train.y) == 20


def test_an_incomplete_folder_does_not_count(env: Path) -> None:
    partial = put_mnist(env / "root" / "MNIST" / "raw", 20)
    (partial / "t10k-labels-idx1-ubyte.gz").unlink()
    whole = put_mnist(env / "env" / "MNIST" / "raw", 20)
    assert locate(idx.MNIST.files, env / "root", silent) == whole


def test_fashion_mnist_is_found_where_debian_puts_it(env: Path) -> None:
    debian = put_mnist(env / "datasets" / "fashion-mnist", 20)
    files = idx.FASHION_MNIST.files
    assert files.elsewhere == ("/usr/share/datasets/fashion-mnist",)
    assert locate(replace(files, elsewhere=(str(debian),)), None, silent) == debian


FILES = [
    data_set.files
    for data_set in (kind.load() for kind in DATA_SETS.values())
    if isinstance(data_set, TorchvisionSet)
]


@pytest.mark.parametrize(
    "files", [one for one in FILES if not one.page], ids=lambda one: one.torchvision
)
def test_a_failed_download_says_what_to_put_where(env: Path, files: Files) -> None:
    told: list[Note | Working] = []
    with pytest.raises(UserError, match=r"not found and .*no network here") as raised:
        locate(replace(files, elsewhere=()), None, told.append)
    message = str(raised.value)
    assert "\n" not in message
    assert str(user_cache() / files.folder) in message
    assert all(file in message for file in files.names)
    assert "$MOE_SEARCH_DATA" in message
    assert told == [
        Note(f"downloading {files.torchvision} to {user_cache() / files.folder}"),
        Working(f"downloading {files.torchvision}"),
    ]
    assert list(user_cache().rglob("*ubyte*")) == []


def test_what_torchvision_cannot_fetch_says_where_people_do(env: Path) -> None:
    (files,) = (one for one in FILES if one.either)
    told: list[Note | Working] = []
    with pytest.raises(UserError, match=r"^FER2013: not found; fetch it from https://") as raised:
        locate(files, None, told.append)
    place = user_cache() / "fer2013"
    assert f"put fer2013.csv or icml_face_data.csv into {place}" in str(raised.value)
    assert told == []


@pytest.mark.parametrize("name", ["fer2013.csv", "icml_face_data.csv", "icml_face_data.csv.gz"])
def test_one_of_several_files_will_do(env: Path, name: str) -> None:
    (files,) = (one for one in FILES if one.either)
    folder = env / "root" / "fer2013"
    folder.mkdir(parents=True)
    (folder / "train.csv").touch()
    assert find(files, env / "root") is None
    (folder / name).touch()
    assert find(files, env / "root") == folder


class Served(BytesIO):
    """What urlopen returns for a file."""

    def __init__(self, url: str, content: bytes) -> None:
        super().__init__(content)
        self.url, self.length = url, len(content)


@pytest.fixture
def served(
    env: Path,
    data_root: Path,
    needs: Callable[[str, bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """FashionMNIST as its publisher would serve it; the names asked for so far."""
    folder = data_root / "FashionMNIST" / "raw"
    needs("FashionMNIST/raw below $MOE_SEARCH_DATA", folder.is_dir())
    asked: list[str] = []

    def serve(request: urllib.request.Request) -> Served:
        asked.append(request.full_url.rsplit("/", 1)[-1])
        return Served(request.full_url, (folder / asked[-1]).read_bytes())

    monkeypatch.setattr(urllib.request, "urlopen", serve)
    here_alone = replace(idx.FASHION_MNIST.files, elsewhere=())
    monkeypatch.setattr(idx, "FASHION_MNIST", replace(idx.FASHION_MNIST, files=here_alone))
    return asked


def test_a_download_goes_to_the_cache_once(
    served: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    prepared = prepare("fashion_mnist")
    assert prepared.folder == user_cache() / "FashionMNIST" / "raw"
    assert (prepared.training, prepared.test) == (60_000, 10_000)
    assert [entry.name for entry in user_cache().iterdir()] == ["FashionMNIST"]
    assert capfd.readouterr() == ("", "")
    served.clear()
    assert prepare("fashion_mnist") == prepared
    assert served == []


def test_of_two_downloads_at_once_one_is_enough(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other process put in place meanwhile is taken, and ours goes."""
    cached = user_cache() / "FashionMNIST" / "raw"

    def fetch(self: Any) -> None:
        put_mnist(Path(self.root) / "FashionMNIST" / "raw", 20)
        put_mnist(cached, 30)

    monkeypatch.setattr(datasets.FashionMNIST, "download", fetch)
    monkeypatch.setattr(datasets.FashionMNIST, "_load_data", lambda self: (None, None))
    files = replace(idx.FASHION_MNIST.files, elsewhere=())
    assert locate(files, None, silent) == cached
    assert len(idx.FASHION_MNIST.read_folder(cached, test=False).training.y) == 30
    assert [entry.name for entry in user_cache().iterdir()] == ["FashionMNIST"]


def test_a_broken_download_leaves_nothing_behind(
    served: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = urllib.request.urlopen

    def broken(request: urllib.request.Request) -> Served:
        content = whole(request).read()
        return Served(request.full_url, content[: len(content) // 2])

    monkeypatch.setattr(urllib.request, "urlopen", broken)
    with pytest.raises(UserError, match="FashionMNIST: not found and not downloaded"):
        load(Data(name="fashion_mnist"))
    assert [path for path in user_cache().rglob("*") if path.is_file()] == []
