"""CIFAR-10 and CIFAR-100 in torchvision's layout."""

from pathlib import Path
from typing import Any

import numpy as np

from moe_search.data.dataset import Raw, Samples
from moe_search.errors import UserError


def read_cifar(name: str, folder: Path, test: bool) -> Raw:
    """CIFAR from the folder with its batches.

    The batches are pickles, which may run code; torchvision unpickles them only after their md5
    was found to be the published one.

    Raises:
        UserError: a file is missing or differs from the published one.
    """
    from torchvision import datasets

    cifar = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    try:
        training = cifar(folder.parent, train=True, download=False)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error})") from error
    except RuntimeError as error:
        raise UserError(
            f"{_damaged(cifar, folder)}: differs from the published file (md5); "
            f"put the original in place, from {cifar.url}"
        ) from error
    return Raw(
        training=_samples(training),
        test=_samples(cifar(folder.parent, train=False, download=False)) if test else None,
        classes=tuple(training.classes),
    )


def _samples(cifar: Any) -> Samples:
    return Samples(cifar.data.transpose(0, 3, 1, 2), np.asarray(cifar.targets, np.int64))


def _damaged(cifar: Any, folder: Path) -> Path:
    from torchvision.datasets.utils import check_integrity

    listed = [*cifar.train_list, *cifar.test_list, (cifar.meta["filename"], cifar.meta["md5"])]
    paths = [(folder / str(file), md5) for file, md5 in listed]
    return next(path for path, md5 in paths if not check_integrity(path, md5))
