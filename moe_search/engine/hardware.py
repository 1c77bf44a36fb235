"""Where models train."""

from dataclasses import dataclass

import torch

from moe_search.ops.compile import uncompiled


@dataclass(frozen=True)
class Hardware:
    """What a worker trains with.

    Attributes:
        device: of all tensors.
        fused: take the fast form of what has one; needs a C++ compiler on a CPU.
    """

    device: torch.device
    fused: bool = False


def hardware_for(device: torch.device) -> tuple[Hardware, str | None]:
    """What to train with, and why operations are not compiled where that would be faster."""
    on_cpu = device.type == "cpu"
    why_not = uncompiled() if on_cpu else None
    return Hardware(device, fused=on_cpu and why_not is None), why_not
