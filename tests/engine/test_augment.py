from collections import Counter

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from moe_search.data.dataset import PADDING
from moe_search.engine.augment import augment


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_crops(x_CHW: Tensor) -> dict[bytes, tuple[bool, int, int]]:
    """Every image that a flip and a crop can make of one, by its bytes."""
    _, H, W = x_CHW.shape
    crops = {}
    for flip in (False, True):
        image_CHW = x_CHW.flip(2) if flip else x_CHW
        padded_CHW = F.pad(image_CHW, (PADDING,) * 4, mode="reflect")
        for top in range(2 * PADDING + 1):
            for left in range(2 * PADDING + 1):
                crop = padded_CHW[:, top : top + H, left : left + W]
                crops[crop.contiguous().numpy().tobytes()] = (flip, top, left)
    return crops


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 32, 32), (1, 5, 9), (2, 28, 28)])
def test_every_image_is_a_flip_and_crop_of_its_own_original(
    channels: int, height: int, width: int
) -> None:
    x_BCHW = torch.randn(16, channels, height, width, generator=seeded(0))
    for original, image in zip(x_BCHW, augment(x_BCHW, seeded(1)), strict=True):
        assert image.contiguous().numpy().tobytes() in all_crops(original)


def test_all_flips_and_crops_come_and_about_alike() -> None:
    original = torch.randn(1, 12, 12, generator=seeded(0))
    crops = all_crops(original)
    x_BCHW = original.expand(16_200, 1, 12, 12)
    seen = Counter(crops[image.numpy().tobytes()] for image in augment(x_BCHW, seeded(1)))
    assert len(seen) == 2 * (2 * PADDING + 1) ** 2
    assert min(seen.values()) > 50  # 100 expected, SD 10
    assert max(seen.values()) < 150


def test_the_generator_alone_decides() -> None:
    x_BCHW = torch.randn(32, 3, 8, 8, generator=seeded(0))
    first = augment(x_BCHW, seeded(1))
    torch.manual_seed(5)
    assert torch.equal(first, augment(x_BCHW, seeded(1)))
    assert not torch.equal(first, augment(x_BCHW, seeded(2)))


def test_the_batch_itself_is_left_as_it_is() -> None:
    x_BCHW = torch.randn(4, 1, 8, 8, generator=seeded(0))
    before = x_BCHW.clone()
    augment(x_BCHW, seeded(1))
    assert torch.equal(x_BCHW, before)


def test_images_no_larger_than_the_padding_are_refused() -> None:
    with pytest.raises(ValueError, match="4 x 9"):
        augment(torch.zeros(2, 1, 4, 9), seeded(0))
