"""Drawing tables of shares, as PNG bytes: heat maps in a grid, and areas stacked over time.

Pillow draws, with matplotlib's colour map and font: matplotlib itself takes several times as long
for the same picture, and each trial of a study has three. All pictures have one size and layout,
so that trials compare at a glance.

Shape suffixes: R row and N column of a table of shares, P point in time, M part of a whole.
"""

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from moe_search.moe.decomposition import Table
from moe_search.tracking.decomposition.fonts import CUT, drawable, font

Colour = tuple[int, int, int]
Point = tuple[float, float]

WIDTH, HEIGHT = 720, 480
MARGIN = 10
TOP, BOTTOM = 50, HEIGHT - 32
TITLE, LABEL, SMALL = 30, 18, 14
INK: Colour = (20, 20, 20)
PAPER: Colour = (255, 255, 255)
UNKNOWN: Colour = (225, 225, 225)
NAME_WIDTH = 150
MOST_NAMED = 12
MOST_NUMBERS = 100


@dataclass(frozen=True)
class Panel:
    """One heat map.

    Attributes:
        title: parts of its title, the most important first; the rest appear where they find room.
        share_RN: shares from 0 to 1; NaN where there is nothing to share.
    """

    title: tuple[str, ...]
    share_RN: Table


def heat_maps(
    title: str,
    panels: Sequence[Panel],
    rows: Sequence[str],
    caption: str,
    number_columns: bool = False,
) -> bytes:
    """PNG of one or more heat maps in a grid, all with the same named rows."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    _frame(draw, title, caption)
    _colour_scale(image, draw)
    few = len(panels) <= MOST_NAMED
    names = [_fitting(row, NAME_WIDTH, LABEL) if few else "" for row in rows]
    left = MARGIN + ceil(max(_length(name, LABEL) for name in names)) + 6
    font_size = LABEL if few else SMALL
    head, foot = font_size + 8, (font_size + 6 if number_columns else 4)

    def tile(across: int) -> tuple[int, int]:
        down = ceil(len(panels) / across)
        return (WIDTH - left) // across - MARGIN, (BOTTOM - TOP) // down - head - foot

    across = max(range(1, len(panels) + 1), key=lambda across: min(tile(across)))
    width, height = tile(across)
    titles = _titles(panels, width, font_size)
    for index, panel in enumerate(panels):
        x = left + index % across * (width + MARGIN)
        y = TOP + index // across * (height + head + foot) + head
        _text(draw, (x + width / 2, y - 7), titles[index], "ms", size=font_size)
        _heat_map(image, draw, (x, y), (width, height), panel.share_RN)
        if index % across == 0:
            _row_names(draw, (x - 6, y), height, names)
        if number_columns:
            _column_numbers(draw, (x, y + height + 5), width, panel.share_RN.shape[1])
    return _png(image)


def row_shares(counts_RN: Table) -> Table:
    """Each row's counts as shares of the row; NaN for a row that counts nothing."""
    total_R1 = counts_RN.sum(1, keepdims=True)
    nothing_RN = np.full_like(counts_RN, np.nan)
    shares_RN: Table = np.divide(counts_RN, total_R1, out=nothing_RN, where=total_R1 > 0)
    return shares_RN


def stacked_shares(title: str, share_PM: Table, caption: str) -> bytes:
    """PNG of how the parts of a whole develop over one or more points in time, counted from 1.

    The areas lead over, in pale colours, to a bar of equal parts, which also tells them apart.
    """
    points, parts = share_PM.shape
    left, right, bottom = 50, WIDTH - 150, BOTTOM - LABEL - 8
    bar_left, bar_right = right + 60, WIDTH - MARGIN - 30
    step = (bottom - TOP) / parts
    x_P = np.linspace(left, right, max(points, 2))
    # A single point in time is drawn as two alike.
    stacked_PM = np.cumsum(np.resize(share_PM, (max(points, 2), parts)), axis=1)
    y_PM = bottom - (bottom - TOP) * stacked_PM
    areas = _Areas(bottom)
    # From the top down: each area covers the lower part of the one before.
    for m in reversed(range(parts)):
        edge = list(zip(x_P.tolist(), y_PM[:, m].tolist(), strict=True))
        bar = [(bar_left, bottom - (m + 1) * step), (bar_right, bottom - (m + 1) * step)]
        colour = _part_colour(m, parts)
        areas.add(edge, colour)
        areas.add([edge[-1], bar[0]], _pale(colour))
        areas.add(bar, colour)
    image = areas.image()
    draw = ImageDraw.Draw(image)
    _frame(draw, title, caption)
    for share in (0.0, 0.5, 1.0):
        _text(draw, (left - 6, bottom - share * (bottom - TOP)), f"{share:g}", "rm")
    for point in np.unique(np.linspace(1, points, 5).astype(int)):
        _text(draw, (x_P[point - 1], bottom + 6), f"{point}", "mt")
    _text(draw, ((bar_left + bar_right) / 2, bottom + 6), "uniform", "mt")
    for m in range(0, parts, ceil(LABEL / step)):
        _text(draw, (bar_right + 6, bottom - (m + 0.5) * step), f"{m}", "lm")
    return _png(image)


def beside(rows: Sequence[tuple[npt.NDArray[np.float32] | None, bytes]]) -> bytes:
    """PNG of pictures one below the other, each with an image at its left.

    Args:
        rows: an image of pixels 0..1, [channels (1 or 3), H, W], or None; and a picture as PNG.
    """
    room = 0 if all(image is None for image, _ in rows) else BOTTOM - TOP + 2 * MARGIN
    whole = Image.new("RGB", (room + WIDTH, HEIGHT * len(rows)), PAPER)
    for number, (pixels_CHW, picture) in enumerate(rows):
        top = number * HEIGHT
        whole.paste(Image.open(io.BytesIO(picture)), (room, top))
        if pixels_CHW is not None:
            bytes_HWC = np.rint(255 * pixels_CHW).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
            image = Image.fromarray(np.broadcast_to(bytes_HWC, (*bytes_HWC.shape[:2], 3)).copy())
            scale = (BOTTOM - TOP) / max(image.size)
            size = round(scale * image.width), round(scale * image.height)
            shown = image.resize(size, Image.Resampling.NEAREST)
            whole.paste(shown, (MARGIN, top + TOP))
    return _png(whole)


class _Areas:
    """Areas down to one level, drawn at twice the size so that halving smooths their edges."""

    def __init__(self, bottom: float) -> None:
        self._bottom = bottom
        self._image = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def add(self, edge: Sequence[Point], colour: Colour) -> None:
        """Fill from ``edge`` (from left to right) down, and part it from what is above."""
        outline = [*edge, (edge[-1][0], self._bottom), (edge[0][0], self._bottom)]
        self._draw.polygon([(2 * x, 2 * y) for x, y in outline], colour)
        self._draw.line([(2 * x, 2 * y) for x, y in edge], PAPER, 2)

    def image(self) -> Image.Image:
        return self._image.reduce(2)


def _frame(draw: ImageDraw.ImageDraw, title: str, caption: str) -> None:
    _text(draw, (WIDTH / 2, 8), _fitting(title, WIDTH - 2 * MARGIN, TITLE), "ma", size=TITLE)
    _text(draw, (MARGIN, HEIGHT - 9), caption, "ls")


def _colour_scale(image: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    scale = Image.fromarray(_colour_map()[None, :]).resize((100, LABEL - 4))
    right, baseline = WIDTH - MARGIN - ceil(_length("100%", LABEL)) - 4, HEIGHT - 9
    image.paste(scale, (right - scale.width, baseline - scale.height))
    _text(draw, (right - scale.width - 4, baseline), "0", "rs")
    _text(draw, (right + 4, baseline), "100%", "ls")


def _heat_map(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    size: tuple[int, int],
    share_RN: Table,
) -> None:
    rows, columns = share_RN.shape
    index_RN = np.rint(255 * np.nan_to_num(share_RN)).astype(np.uint8)
    cells = np.where(
        np.isnan(share_RN)[..., None], np.array(UNKNOWN, np.uint8), _colour_map()[index_RN]
    )
    image.paste(Image.fromarray(cells).resize(size, Image.Resampling.BOX), corner)
    width, height = size[0] / columns, size[1] / rows
    size_fits = [n for n in (SMALL, LABEL) if n < height and _length("100", n) < width]
    if rows * columns > MOST_NUMBERS or not size_fits:
        return
    for row, column in np.argwhere(share_RN >= 0.005):
        centre = corner[0] + (column + 0.5) * width, corner[1] + (row + 0.5) * height
        ink = _ink_on(tuple(cells[row, column].tolist()))
        _text(draw, centre, f"{100 * share_RN[row, column]:.0f}", "mm", size=size_fits[-1], ink=ink)


def _row_names(
    draw: ImageDraw.ImageDraw, top_right: Point, height: int, names: Sequence[str]
) -> None:
    step = height / len(names)
    for row in range(0, len(names), ceil(LABEL / step)):
        _text(draw, (top_right[0], top_right[1] + (row + 0.5) * step), names[row], "rm")


def _column_numbers(draw: ImageDraw.ImageDraw, at: Point, width: int, columns: int) -> None:
    step = width / columns
    for column in range(0, columns, ceil(_length("000", LABEL) / step)):
        _text(draw, (at[0] + (column + 0.5) * step, at[1]), f"{column}", "mt")


def _fitting(text: str, width: float, size: int) -> str:
    """The text on one line, or as much of its beginning and end as fits, with an ellipsis."""
    text = drawable(" ".join(text.split()))
    if _length(text, size) <= width:
        return text

    def cut(letters: int) -> str:
        return text[: letters - letters // 2] + CUT + text[len(text) - letters // 2 :]

    most = bisect_right(range(len(text)), width, key=lambda n: _length(cut(n), size))
    return cut(max(most - 1, 0))


def _titles(panels: Sequence[Panel], width: float, size: int) -> list[str]:
    """Titles of as many parts as fit in a width in all panels; the first one always, shortened."""
    longest = max(len(panel.title) for panel in panels)
    joined = [["".join(panel.title[:n]) for panel in panels] for n in range(longest, 1, -1)]

    def fits(titles: Sequence[str]) -> bool:
        return all(_length(title, size) <= width for title in titles)

    return next(filter(fits, joined), [_fitting(panel.title[0], width, size) for panel in panels])


def _length(text: str, size: int) -> float:
    """Of a drawable text, in pixels."""
    return font(text, size).getlength(text)


def _text(
    draw: ImageDraw.ImageDraw,
    at: Point,
    text: str,
    anchor: str,
    *,
    size: int = LABEL,
    ink: Colour = INK,
) -> None:
    draw.text(at, text, font=font(text, size), anchor=anchor, fill=ink)


@cache
def _colour_map() -> npt.NDArray[np.uint8]:
    """Red, green and blue of 256 shares from 0 to 1: cividis, alike to all kinds of sight."""
    colours: npt.NDArray[np.uint8] = matplotlib.colormaps["cividis"](np.arange(256), bytes=True)
    return colours[:, :3]


def _part_colour(part: int, parts: int) -> Colour:
    """Neighbours alternate between the dark and the light half of the colour map."""
    half, place = part % 2, part // 2
    share = 0.5 * half + 0.42 * place / max((parts - 1) // 2, 1) + 0.04
    r, g, b = _colour_map()[round(255 * share)].tolist()
    return r, g, b


def _pale(colour: Colour) -> Colour:
    r, g, b = (round(0.3 * part + 0.7 * white) for part, white in zip(colour, PAPER, strict=True))
    return r, g, b


def _ink_on(colour: Colour) -> Colour:
    r, g, b = colour
    return INK if 0.3 * r + 0.6 * g + 0.1 * b > 128 else PAPER


def _png(image: Image.Image) -> bytes:
    """A palette halves the bytes and the time."""
    data = io.BytesIO()
    palette = image.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette.save(data, "PNG", compress_level=1)
    return data.getvalue()
