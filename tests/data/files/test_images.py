"""Image files as pixels: as a viewer shows them, whatever their format and type.

Shape suffixes: H height, W width, C channel.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from moe_search.data.files.images import decode
from moe_search.errors import UserError

WIDE = (2, 4)
"""Height and width."""


def saved(file: Path, image: Image.Image, **options: Any) -> Path:
    image.save(file, **options)
    return file


def grey(values: Any, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.array(values, dtype))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp", ".gif"])
def test_pixels_are_those_of_the_file(tmp_path: Path, suffix: str) -> None:
    x_HWC = np.random.default_rng(0).integers(0, 2, (2, 4, 3), np.uint8) * 255
    lossless = {"lossless": True} if suffix == ".webp" else {}
    file = saved(tmp_path / f"a{suffix}", Image.fromarray(x_HWC), **lossless)
    assert np.array_equal(decode(file, WIDE, 3, str(file)), x_HWC)
    assert np.array_equal(decode(file.read_bytes(), WIDE, 3, "a row"), x_HWC)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_an_image_stands_as_it_is_seen(tmp_path: Path, suffix: str) -> None:
    """Orientation 6 says: turn it a quarter to the right to look at it."""
    lying = np.zeros((16, 32), np.uint8)
    lying[:8] = 255
    image = Image.fromarray(lying)
    exif = image.getexif()
    exif[0x0112] = 6
    file = saved(tmp_path / f"a{suffix}", image, exif=exif)
    seen = decode(file, (32, 16), 1, str(file))[..., 0]
    assert seen[:, 8:].min() > 240
    assert seen[:, :8].max() < 15


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_are_scaled_by_their_range(tmp_path: Path, suffix: str) -> None:
    file = saved(tmp_path / f"a{suffix}", grey([[8_000, 40_000], [0, 65_535]], np.uint16))
    expected = [[31, 156], [0, 255]]
    assert decode(file, (2, 2), 1, str(file))[..., 0].tolist() == expected
    assert decode(file, (2, 2), 3, str(file))[..., 2].tolist() == expected


def test_floats_of_0_to_1_are_scaled(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.tif", grey([[0.0, 0.2], [0.5, 1.0]], np.float32))
    assert decode(file, (2, 2), 1, str(file))[..., 0].tolist() == [[0, 51], [128, 255]]


@pytest.mark.parametrize(
    ("values", "dtype", "why"),
    [
        ([[0, 300]], np.float32, "floats of 0 to 300; expected 0 to 1"),
        ([[-0.5, 1]], np.float32, r"floats of -0\.5 to 1; expected 0 to 1"),
        ([[np.nan, 1]], np.float32, "floats of nan to nan; expected 0 to 1"),
        ([[0, 70_000]], np.int32, "whole numbers of 32 bits; expected 8 or 16 bits"),
    ],
)
def test_values_of_an_unknown_range_are_refused(
    tmp_path: Path, values: Any, dtype: type, why: str
) -> None:
    file = saved(tmp_path / "a.tif", grey(values, dtype))
    with pytest.raises(UserError, match=rf"a\.tif: not a readable image \({why}\)"):
        decode(file, (1, 2), 1, str(file))


def transparent(mode: str) -> Image.Image:
    """A black pixel, and a red one that nobody sees."""
    image = Image.new("RGBA", (2, 1))
    image.putpixel((0, 0), (0, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    return image.convert(mode) if mode != "RGBA" else image


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_lies_on_white(tmp_path: Path, mode: str, channels: int) -> None:
    suffix = ".tif" if mode == "PA" else ".png"
    image = transparent("RGBA" if mode == "PA" else mode)
    file = saved(tmp_path / f"a{suffix}", image)
    assert decode(file, (1, 2), channels, str(file)).tolist() == [
        [[0] * channels, [255] * channels]
    ]


def test_a_transparent_colour_of_a_palette_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 0])
    image.putpixel((0, 0), 1)
    file = saved(tmp_path / "a.gif", image, transparency=0)
    assert decode(file, (1, 2), 3, str(file)).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_the_first_frame_of_an_animation_is_the_image(tmp_path: Path) -> None:
    frames = [grey([[value] * 2] * 2) for value in (0, 255)]
    file = tmp_path / "a.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    assert decode(file, (2, 2), 1, str(file)).max() == 0
