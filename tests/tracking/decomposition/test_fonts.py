"""Names in any script: drawn by a font that is there, or escaped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager
from PIL import features

from moe_search.tracking.decomposition import fonts

PLANE = "飛行機"


def make_font(file: Path, letters: str) -> Path:
    """A font with a box for each letter."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 800), (800, 800), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = {ord(letter): f"g{number}" for number, letter in enumerate(letters)}
    glyphs = [".notdef", *names.values()]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap(names)
    builder.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(file)
    return file


def forget() -> None:
    for known in (fonts.drawable, fonts._font_file, fonts._files, fonts._shapes):
        known.cache_clear()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files of a machine's fonts, at first none."""
    files: list[str] = []
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(files))
    forget()
    yield files
    forget()


def name_of(font: object) -> str:
    return Path(font.path).name  # type: ignore[attr-defined]


@pytest.mark.usefixtures("machine")
def test_what_no_font_has_is_escaped_letter_by_letter() -> None:
    assert fonts.drawable(f"1 {PLANE} ä") == r"1 \u98db\u884c\u6a5f ä"
    assert name_of(fonts.font(fonts.drawable(PLANE), 18)) == "DejaVuSans.ttf"


def test_a_font_of_the_machine_draws_what_it_has(machine: list[str], tmp_path: Path) -> None:
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    machine += [
        str(tmp_path / "damaged.ttf"),
        str(make_font(tmp_path / "a.ttf", PLANE[:2] + fonts.CUT)),
        str(make_font(tmp_path / "b.ttf", PLANE + fonts.CUT)),
    ]
    assert fonts.drawable(PLANE) == PLANE
    assert name_of(fonts.font(PLANE, 18)) == "b.ttf"
    assert name_of(fonts.font(PLANE[:2], 18)) == "a.ttf"
    assert name_of(fonts.font("plane", 18)) == "DejaVuSans.ttf"


@pytest.mark.usefixtures("machine")
def test_letters_that_join_need_what_lays_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    assert fonts.drawable("كلب") == r"\u0643\u0644\u0628"
    monkeypatch.setattr(features, "check", lambda name: True)
    forget()
    assert fonts.drawable("كلب") == "كلب"


@given(st.text())
def test_any_text_can_be_drawn(text: str) -> None:
    shown = fonts.drawable(" ".join(text.split()))
    assert fonts.font(shown, 18).getlength(shown) >= 0
