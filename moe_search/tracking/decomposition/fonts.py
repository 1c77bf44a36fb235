r"""Fonts for names in any script, of those that are there.

DejaVu Sans comes with matplotlib and draws most European, Greek, Cyrillic and Arabic names. Where
it lacks a letter, a font of the machine that has the whole name is looked for. A letter that
cannot be drawn so is escaped as Python does it, such as ``\u732b``.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
from PIL import ImageFont, features

CUT = "…"
"""What stands for letters that were left out; every font must have it."""

_WANTED = ("sans", "gothic", "hei", "noto")
_UNWANTED = ("bold", "black", "light", "thin", "italic", "oblique", "mono")


@lru_cache(maxsize=1000)
def drawable(text: str) -> str:
    """A text of letters that can all be drawn, by one font."""
    if text.isascii() or _font_file(frozenset(text)) is not None:
        return text
    default = _default()
    return "".join(
        letter if _has(default, letter) and _can_lay_out(letter) else _escaped(letter)
        for letter in text
    )


def font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The font of a drawable text."""
    file = _default() if text.isascii() else _font_file(frozenset(text)) or _default()
    return _open(file, size, _is_shaped(text))


@cache
def _open(file: str, size: int, shaped: bool) -> ImageFont.FreeTypeFont:
    # The basic layout comes with every Pillow, so that most pictures are alike everywhere.
    layout = ImageFont.Layout.RAQM if shaped and _shapes() else ImageFont.Layout.BASIC
    return ImageFont.truetype(file, size, layout_engine=layout)


@lru_cache(maxsize=1000)
def _font_file(letters: frozenset[str]) -> str | None:
    """A font that has all letters; None where there is none, or they cannot be laid out."""
    if not all(map(_can_lay_out, letters)):
        return None
    needed = [letter for letter in letters | {CUT} if not letter.isspace()]
    return next((file for file in _files() if _has(file, needed)), None)


@cache
def _files() -> list[str]:
    """DejaVu Sans, then the machine's own: upright ones of even strokes first."""
    from matplotlib import font_manager

    def order(file: str) -> tuple[int, int, str]:
        name = Path(file).name.lower()
        wanted = sum(word in name for word in _WANTED)
        return sum(word in name for word in _UNWANTED), -wanted, file

    found = {
        file for file in font_manager.findSystemFonts() if "lastresort" not in file.lower()
    }  # that one draws a box for each letter
    return [_default(), *sorted(found, key=order)]


def _default() -> str:
    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


def _has(file: str, letters: Iterable[str]) -> bool:
    """Whether a font can be drawn at any size, and has all letters."""
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(file)
    except (OSError, RuntimeError):  # a format that it does not know, or a damaged file
        return False
    return face.scalable and all(face.get_char_index(ord(letter)) for letter in letters)


def _is_shaped(text: str) -> bool:
    """Whether letters stand from right to left or change beside each other."""
    return any(
        unicodedata.bidirectional(letter) in {"R", "AL"} or unicodedata.category(letter)[0] == "M"
        for letter in text
    )


def _can_lay_out(letter: str) -> bool:
    return _shapes() or not _is_shaped(letter)


@cache
def _shapes() -> bool:
    """Whether Pillow has what lays out such letters."""
    return bool(features.check("raqm"))


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()
