"""Where models train."""

from dataclasses import dataclass

import torch

from moe_search.ops.compile import uncompiled
from moe_search.ops.stem import worth_fusing


@dataclass(frozen=True)
class Hardware:
    """What a worker trains with.

    Attributes:
        device: of all tensors.
        fused: take the fast form of what has one; needs a C++ compiler on a CPU.
    """

    device: torch.device
    fused: bool = False


def hardware_for(device: torch.device, shape: tuple[int, ...]) -> tuple[Hardware, str | None]:
    """What to train with, and why operations are not compiled where that would be faster.

    Args:
        device: of all tensors.
        shape: of one sample, (C, H, W) or (F,).
    """
    wanted = device.type == "cpu" and worth_fusing(shape)
    why_not = uncompiled() if wanted else None
    return Hardware(device, fused=wanted and why_not is None), why_not
