"""Random flips and crops of a whole batch as tensor operations.

Shape suffixes: B sample, C channel, H height, W width.
"""

import torch
from torch import Tensor

from moe_search.data.dataset import PADDING


def augment(x_BCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Flip each image left to right or not, pad it by reflection, and crop it to its size.

    Args:
        x_BCHW: images; height and width above ``PADDING``.
        generator: decides alone. Its draws are made on its own device, so that one on the CPU
            gives the same images whatever device they are on.

    Returns:
        A new tensor of the same shape.

    Raises:
        ValueError: images too small to be padded by reflection.
    """
    B, C, H, W = x_BCHW.shape
    if min(H, W) <= PADDING:
        raise ValueError(f"images of {H} x {W} cannot be padded by a reflection of {PADDING}")
    device = x_BCHW.device
    drawn_on = generator.device
    flip_B1 = torch.randint(2, (B, 1), generator=generator, device=drawn_on).to(device).bool()
    top_B1, left_B1 = torch.randint(
        -PADDING, PADDING + 1, (2, B, 1), generator=generator, device=drawn_on
    ).to(device)
    rows_BH = _reflect(torch.arange(H, device=device) + top_B1, H)
    columns_BW = _reflect(torch.arange(W, device=device) + left_B1, W)
    columns_BW = torch.where(flip_B1, W - 1 - columns_BW, columns_BW)
    pixels_BP = ((rows_BH * W).unsqueeze(2) + columns_BW.unsqueeze(1)).flatten(1)
    x_BCP = x_BCHW.flatten(2).gather(2, pixels_BP.unsqueeze(1).expand(B, C, H * W))
    return x_BCP.view(B, C, H, W)


def _reflect(index: Tensor, size: int) -> Tensor:
    """Indices up to one size outside 0..size-1, mirrored at the first and the last."""
    return size - 1 - (size - 1 - index.abs()).abs()
