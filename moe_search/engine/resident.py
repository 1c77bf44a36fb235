"""A data set as tensors that stay on the device where models train.

Shape suffixes: N sample, B sample of a batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from moe_search.data import Dataset, Samples, Split

Tensors = Split[Tensor]
"""A split of torch's tensors."""


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


def tensors(split: Samples, device: torch.device) -> Tensors:
    """One split of it, alike."""
    return Split(torch.from_numpy(split.x).to(device), torch.from_numpy(split.y).to(device))


def samples_last(x: Tensor) -> Tensor:
    """[B, ...] -> [..., B], the order in which networks run."""
    return x.movedim(0, -1).contiguous()
