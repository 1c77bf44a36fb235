"""CIFAR-10 and CIFAR-100 as published: pickles, which may run code.

A file is unpickled only after its md5 was found to be the published one.

Shape suffixes: N sample, P number of an image.
"""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.dataset import Raw, Samples, Split
from moe_search.data.sets.base import PublishedSet
from moe_search.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CifarSet(PublishedSet):
    """CIFAR-10 or CIFAR-100.

    Attributes:
        url: where it is published.
        training, test, meta: files by name with their md5.
        labels, classes: the keys of what they hold.
    """

    url: str
    training: Mapping[str, str]
    test: Mapping[str, str]
    meta: Mapping[str, str]
    labels: str
    classes: str

    def read_folder(self, folder: Path, test: bool) -> Raw:
        """Colour images [N, 3, 32, 32] of bytes; all files are checked.

        Raises:
            UserError: a file is missing or differs from the published one.
        """
        training, held_out, (meta,) = (
            [_unpickled(folder / file, md5, self.url) for file, md5 in files.items()]
            for files in (self.training, self.test, self.meta)
        )
        return Raw(
            training=_samples(training, self.labels),
            test=_samples(held_out, self.labels) if test else None,
            classes=tuple(meta[self.classes]),
        )


CIFAR10 = CifarSet(
    files=Files(
        "CIFAR10",
        "cifar-10-batches-py",
        (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
        ("CIFAR10/cifar-10-batches-py",),
    ),
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    training={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
    labels="labels",
    classes="label_names",
    moments=((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
    augmented=True,
)

CIFAR100 = CifarSet(
    files=Files(
        "CIFAR100",
        "cifar-100-python",
        ("train", "test", "meta"),
        ("CIFAR100/cifar-100-python",),
    ),
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    training={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
    labels="fine_labels",
    classes="fine_label_names",
    moments=((0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)),
    augmented=True,
)


def _unpickled(path: Path, md5: str, url: str) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise UserError(
            f"{path}: differs from the published file (md5); put the original in place, from {url}"
        )
    batch: dict[str, Any] = pickle.loads(content, encoding="latin1")
    return batch


def _samples(batches: list[dict[str, Any]], labels: str) -> Samples:
    x_NP = np.concatenate([batch["data"] for batch in batches])
    y_N = np.concatenate([batch[labels] for batch in batches])
    return Split(x_NP.reshape(-1, 3, 32, 32), y_N.astype(np.int64))
