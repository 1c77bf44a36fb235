"""Random streams: every draw follows from a trial's seed, what it is for, and the epoch."""

from enum import IntEnum

import numpy as np
import torch
from torch import Generator, Tensor


class Stream(IntEnum):
    """What numbers are drawn for."""

    WEIGHTS = 0
    ORDER = 1
    AUGMENTATION = 2
    PEEKING = 3
    NOISE = 4
    DROPOUT = 5


def generator(seed: int, stream: Stream, epoch: int = 0, *part: int) -> Generator:
    """A CPU generator of its own for (seed, stream, epoch), or for a part of what it draws."""
    (state,) = np.random.SeedSequence([seed, stream, epoch, *part]).generate_state(1, np.uint64)
    return Generator().manual_seed(int(state >> np.uint64(1)))


def order(seed: int, epoch: int, samples: int) -> Tensor:
    """The order of the training samples in an epoch, [samples]."""
    return torch.randperm(samples, generator=generator(seed, Stream.ORDER, epoch))
