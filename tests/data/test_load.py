import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moe_search.data import Dataset, load, prepare
from moe_search.data.sets.idx import FASHION_MNIST, MNIST
from moe_search.errors import UserError
from moe_search.spec import Data


def sizes(dataset: Dataset) -> list[int]:
    splits = (dataset.train, dataset.validation, dataset.test)
    return [len(split.y) for split in splits if split is not None]


def is_normalised(dataset: Dataset) -> bool:
    x = dataset.train.x.astype(np.float64)
    return bool(abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01)


def test_mnist(mnist_root: Path) -> None:
    dataset = load(Data(name="mnist", root=mnist_root, validation=10_000), test=True)
    assert sizes(dataset) == [50_000, 10_000, 10_000]
    assert dataset.shape == (1, 28, 28)
    assert (str(dataset.train.x.dtype), str(dataset.train.y.dtype)) == ("float32", "int64")
    assert dataset.train.x.flags.c_contiguous
    assert dataset.classes == tuple("0123456789")
    assert dataset.augment is False
    assert is_normalised(dataset)
    assert float(dataset.train.x.min()) == pytest.approx((0 - 0.1307) / 0.3081)
    assert float(dataset.train.x.max()) == pytest.approx((1 - 0.1307) / 0.3081)
    whole = np.bincount(dataset.train.y) + np.bincount(dataset.validation.y)
    assert whole.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    sixth = np.bincount(dataset.validation.y) - whole / 6
    assert float(np.abs(sixth).max()) < 1


def test_labels_of_mnist_are_in_the_published_order(mnist_root: Path) -> None:
    raw = MNIST.read_folder(mnist_root / "MNIST" / "raw", test=True)
    assert raw.training.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert raw.test is not None
    assert raw.test.y[:5].tolist() == [7, 2, 1, 0, 4]


def test_fashion_mnist(data_root: Path, needs: Callable[[str, bool], None]) -> None:
    folder = data_root / "FashionMNIST" / "raw"
    needs("FashionMNIST/raw below $MOE_SEARCH_DATA", folder.is_dir())
    dataset = load(Data(name="fashion_mnist", root=data_root, validation=0.25))
    assert np.bincount(dataset.train.y).tolist() == [4500] * 10
    assert is_normalised(dataset)
    assert dataset.classes[9] == "Ankle boot"
    assert FASHION_MNIST.read_folder(folder, test=False).training.y[:5].tolist() == [
        9, 0, 0, 3, 0,
    ]  # fmt: skip


def test_digits() -> None:
    dataset = load(Data(name="digits"), test=True)
    assert sizes(dataset) == [1150, 288, 359]
    assert dataset.shape == (1, 8, 8)
    assert is_normalised(dataset)
    assert 0 < dataset.mean[0] < 1


@pytest.mark.parametrize(
    ("name", "counts", "features", "classes"),
    [
        ("breast_cancer", [364, 91, 114], 30, ("malignant", "benign")),
        ("wine", [114, 28, 36], 13, ("class_0", "class_1", "class_2")),
        ("iris", [96, 24, 30], 4, ("setosa", "versicolor", "virginica")),
    ],
)
def test_tables_that_come_with_scikit_learn(
    name: str, counts: list[int], features: int, classes: tuple[str, ...]
) -> None:
    dataset = load(Data(name=name), test=True)
    assert sizes(dataset) == counts
    assert dataset.shape == (features,)
    assert dataset.classes == classes
    assert np.allclose(dataset.train.x.mean(0), np.zeros(features), atol=1e-5)
    assert np.allclose(dataset.train.x.std(0), np.ones(features), atol=1e-4)


def test_the_seed_draws_the_validation_split_but_not_the_test_split_of_digits() -> None:
    first, again, other = (load(Data(name="digits", seed=s), test=True) for s in (0, 0, 1))
    assert np.array_equal(first.validation.x, again.validation.x)
    assert np.array_equal(first.train.x, again.train.x)
    assert not np.array_equal(first.validation.y, other.validation.y)
    assert first.test is not None
    assert other.test is not None
    assert np.array_equal(first.test.y, other.test.y)


def test_asking_for_the_test_split_changes_nothing_else() -> None:
    without, asked = load(Data(name="digits")), load(Data(name="digits"), test=True)
    assert without.test is None
    assert np.array_equal(without.train.x, asked.train.x)
    assert np.array_equal(without.validation.x, asked.validation.x)


def test_a_limit_shortens_the_training_split_alone() -> None:
    whole, short = load(Data(name="digits")), load(Data(name="digits", limit=100))
    assert sizes(short) == [100, 288]
    assert np.array_equal(short.validation.y, whole.validation.y)
    assert set(np.bincount(short.train.y).tolist()) <= {9, 10, 11}
    assert is_normalised(short)
    assert sizes(load(Data(name="digits", limit=10_000))) == sizes(whole)


def test_digits_can_be_augmented_but_vectors_cannot(tmp_path: Path) -> None:
    assert load(Data(name="digits", augment=True)).augment is True
    y = np.arange(20) % 2
    x = np.random.default_rng(0).normal(size=(20, 4))
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(UserError, match=r"^data\.augment: needs images larger than 4 x 4"):
        load(Data(name="arrays", path=tmp_path / "own.npz", augment=True))


def test_prepare_says_what_there_is(mnist_root: Path) -> None:
    digits = prepare("digits")
    assert (digits.folder, digits.training, digits.test) == (None, 1438, 359)
    mnist = prepare("mnist", root=mnist_root)
    assert mnist.folder == mnist_root / "MNIST" / "raw"
    assert (mnist.training, mnist.test, mnist.shape) == (60_000, 10_000, (1, 28, 28))


@pytest.mark.parametrize("name", ["arrays", "image_folder", "letters"])
def test_prepare_knows_published_data_only(name: str) -> None:
    with pytest.raises(UserError, match=f"^data {name}: cannot be prepared; one of digits"):
        prepare(name)


def test_the_room_is_imported_without_torch_and_scikit_learn() -> None:
    code = "import sys, moe_search.data; print({'torch', 'sklearn', 'PIL'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_a_validation_split_all_training_data_is_both() -> None:
    dataset = load(Data(name="digits", validation=0))
    held_out = load(Data(name="digits"))
    assert len(dataset.train.y) == len(held_out.train.y) + len(held_out.validation.y)
    assert dataset.validation is dataset.train


def test_some_of_many_training_samples_stand_in_for_validation(mnist_root: Path) -> None:
    dataset = load(Data(name="mnist", root=mnist_root, validation=0))
    assert len(dataset.train.y) == 60_000
    assert len(dataset.validation.y) == 10_000
    sixth = np.bincount(dataset.validation.y) - np.bincount(dataset.train.y) / 6
    assert float(np.abs(sixth).max()) < 1
    first = (dataset.train.x == dataset.validation.x[0]).all(axis=(1, 2, 3))
    assert dataset.validation.y[0] in dataset.train.y[first]
