from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from moe_search.data import load
from moe_search.data.sets.cifar import CIFAR10, CIFAR100, CifarSet
from moe_search.errors import UserError
from moe_search.spec import Data


def test_cifar100(cifar100_root: Path) -> None:
    dataset = load(Data(name="cifar100", root=cifar100_root, validation=10_000))
    assert dataset.shape == (3, 32, 32)
    assert np.bincount(dataset.train.y).tolist() == [400] * 100
    assert np.bincount(dataset.validation.y).tolist() == [100] * 100
    assert dataset.classes[0] == "apple"
    assert dataset.classes[99] == "worm"
    assert dataset.augment is True
    assert dataset.test is None
    x = dataset.train.x[:]  # too large to be held, it is read from its file
    assert x.flags.c_contiguous
    # The paper's SDs are about three quarters of the pixels' own.
    assert x.mean((0, 2, 3)) == pytest.approx([0] * 3, abs=0.01)
    assert x.std((0, 2, 3)).tolist() == pytest.approx([1.33, 1.29, 1.36], abs=0.01)


def test_cifar100_is_read_in_the_published_order(cifar100_root: Path) -> None:
    folder = cifar100_root / "CIFAR100" / "cifar-100-python"
    raw = CIFAR100.read_folder(folder, test=True)
    assert raw.training.y[:5].tolist() == [19, 29, 0, 11, 1]
    assert raw.training.x[0, :, 0, 0].tolist() == [255, 255, 255]
    assert raw.test is not None
    assert raw.test.x.shape == (10_000, 3, 32, 32)
    assert raw.test.y[:5].tolist() == [49, 33, 72, 51, 71]


@pytest.mark.parametrize(
    ("ours", "theirs"), [(CIFAR10, datasets.CIFAR10), (CIFAR100, datasets.CIFAR100)]
)
def test_the_files_and_their_md5_are_those_of_torchvision(
    ours: CifarSet, theirs: type[datasets.CIFAR10]
) -> None:
    assert ours.url == theirs.url
    assert [[file, md5] for file, md5 in ours.training.items()] == theirs.train_list
    assert [[file, md5] for file, md5 in ours.test.items()] == theirs.test_list
    assert ours.meta == {theirs.meta["filename"]: theirs.meta["md5"]}
    assert ours.classes == theirs.meta["key"]


@pytest.mark.parametrize("name", ["train", "test", "meta"])
def test_a_file_that_differs_from_the_published_one_is_named_and_not_unpickled(
    tmp_path: Path, cifar100_root: Path, name: str
) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for original in (cifar100_root / "CIFAR100" / "cifar-100-python").iterdir():
        (folder / original.name).symlink_to(original)
    (folder / name).unlink()
    mark = tmp_path / "unpickled"
    (folder / name).write_bytes(f"cos\nmkdir\n(V{mark}\ntR.".encode())
    with pytest.raises(UserError, match=rf"{name}: differs from the published file \(md5\); put"):
        load(Data(name="cifar100", root=tmp_path))
    assert not mark.exists()
