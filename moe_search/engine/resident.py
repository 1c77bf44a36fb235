"""A data set as tensors that stay on the device where models train.

Shape suffixes: N sample.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from moe_search.data import Dataset, Split


@dataclass(frozen=True, eq=False)
class Tensors:
    """Samples of a split.

    Attributes:
        x: float32, normalised, [N, C, H, W] or [N, F].
        y: int64 class numbers, [N].
    """

    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Resident:
    """A data set as training takes it.

    Attributes:
        test: None unless it was asked for.
        classes: how many.
        augment: whether training batches are to go through ``augment``.
    """

    train: Tensors
    validation: Tensors
    test: Tensors | None
    classes: int
    augment: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (F,)."""
        return tuple(self.train.x.shape[1:])


def resident(data: Dataset, device: torch.device) -> Resident:
    """The same data on a device; on a CPU, in the same memory."""
    return Resident(
        train=tensors(data.train, device),
        validation=tensors(data.validation, device),
        test=None if data.test is None else tensors(data.test, device),
        classes=len(data.classes),
        augment=data.augment,
    )


def tensors(split: Split, device: torch.device) -> Tensors:
    """One split of it, alike."""
    return Tensors(torch.from_numpy(split.x).to(device), torch.from_numpy(split.y).to(device))
