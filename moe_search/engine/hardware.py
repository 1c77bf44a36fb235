"""Where models train."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Hardware:
    """What a worker trains with.

    Attributes:
        device: of all tensors.
        fused: take the fast form of what has one; needs a C++ compiler on a CPU.
    """

    device: torch.device
    fused: bool = False
