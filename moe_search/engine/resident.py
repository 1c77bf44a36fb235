"""A data set as tensors that stay on the device where models train.

Shape suffixes: N sample, B sample of a batch.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from moe_search.data import Dataset, Samples, Split
from moe_search.data.mapped import Mapped
from moe_search.data.normalise import parts

Tensors = Split[Any]
"""A split of torch's tensors, or ``OnDisk``."""

_SHARE = 0.5  # of a GPU's free memory that one split may take


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

    @property
    def together(self) -> Tensors:
        """The training samples and, behind them, those of validation."""
        both = self.train, self.validation
        return Split(_Together(*(split.x for split in both)), torch.cat([s.y for s in both]))


def resident(data: Dataset, device: torch.device) -> Resident:
    """The same data on a device; on a CPU, in the same memory."""
    return Resident(
        train=tensors(data.train, device),
        validation=tensors(data.validation, device),
        test=None if data.test is None else tensors(data.test, device),
        classes=len(data.classes),
        augment=data.augment,
    )


class OnDisk:
    """Samples [N, S] in a file, of which each batch is read: what training asks of a tensor."""

    def __init__(self, x: Mapped, device: torch.device) -> None:
        self._x, self._device = x, device

    @property
    def shape(self) -> torch.Size:
        """[N, S]."""
        return torch.Size(self._x.shape)

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.from_numpy(self._x[rows]).to(self._device)

    def index_select(self, _dim: int, index_B: Tensor) -> Tensor:
        """Those of some numbers."""
        return torch.from_numpy(self._x[index_B.cpu().numpy()]).to(self._device)


class _Together:
    """Samples of two splits, of which each batch is put together: nothing is held twice."""

    def __init__(self, first: Any, second: Any) -> None:
        self._first, self._second = first, second

    def index_select(self, dim: int, index_B: Tensor) -> Tensor:
        """Those of some numbers; the second split's go on from the first one's."""
        count = self._first.shape[0]
        of_second_B = index_B >= count
        parts = (
            self._first.index_select(dim, index_B[~of_second_B]),
            self._second.index_select(dim, index_B[of_second_B] - count),
        )
        place_B = of_second_B.argsort(stable=True)
        return torch.cat(parts).index_select(dim, place_B.argsort())


def tensors(split: Samples, device: torch.device) -> Tensors:
    """One split of it, alike."""
    return Split(_on(device, split.x), torch.from_numpy(split.y).to(device))


def _on(device: torch.device, x: Any) -> Any:
    """Samples on a device; those too large for this machine's memory only if a GPU has room."""
    if not isinstance(x, Mapped):
        return torch.from_numpy(x).to(device)
    bytes_of_all = prod(x.shape) * torch.float32.itemsize
    if device.type != "cuda" or bytes_of_all > _SHARE * torch.cuda.mem_get_info(device)[0]:
        return OnDisk(x, device)
    found = torch.empty(x.shape, device=device)
    for part in parts(x.shape):
        found[part] = torch.from_numpy(x[part])
    return found


def samples_last(x: Tensor) -> Tensor:
    """[B, ...] -> [..., B], the order in which networks run."""
    return x.movedim(0, -1).contiguous()
