"""A page as one HTML file that needs nothing else: styles and pictures are in it."""

import base64
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from moe_search.report.page import Chapter, Part, Picture
from moe_search.report.text.table import Table

_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
_HERE = Path(__file__).parent


def write_html(chapters: Sequence[Chapter], file: Path) -> None:
    """Write the page."""
    file.write_text(html_page(chapters), encoding="utf-8")


def html_page(chapters: Sequence[Chapter]) -> str:
    """The page: a list of what is on it, then the chapters."""
    style, script = (
        Markup((_HERE / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js")
    )
    # no other script runs, whatever names a user's data may have
    seal = base64.b64encode(sha256(f"\n{script}".encode()).digest()).decode()
    return _template("page.html").render(chapters=chapters, style=style, script=script, seal=seal)


def notebook_html(title: str, text: str, tables: Sequence[Table]) -> str:
    """A line and some tables, for a cell of a notebook."""
    return _template("notebook.html").render(title=title, text=text, tables=tables)


@cache
def _template(name: str) -> Template:
    """A template, which escapes whatever it is given."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"kind": _kind, "data_url": _data_url, "inline": _inline}
    return environment.get_template(name)


def _kind(part: Part) -> str:
    """The name of its class, by which the template knows how to show it."""
    return type(part).__name__


def _data_url(picture: Picture) -> str:
    data = base64.b64encode(picture.image).decode()
    return f"data:{_TYPES[picture.suffix]};base64,{data}"


def _inline(picture: Picture) -> Markup:
    """An SVG of ours as a part of the page, which a script can reach."""
    return Markup('<svg role="img" aria-label="{}" ').format(picture.alt) + Markup(
        picture.image.decode().removeprefix("<svg ")
    )
