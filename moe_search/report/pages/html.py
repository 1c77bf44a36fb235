"""A page as one HTML file that needs nothing else: styles and pictures are in it."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from moe_search.report.page import Chapter, Code, Facts, PageSection, Part, Picture
from moe_search.report.text.table import Table

_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


def write_html(chapters: Sequence[Chapter], file: Path) -> None:
    """Write the page."""
    file.write_text(html_page(chapters), encoding="utf-8")


def html_page(chapters: Sequence[Chapter]) -> str:
    """The page: a list of what is on it, then the chapters."""
    title = escape(", ".join(chapter.heading for chapter in chapters))
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    body = "\n".join(_chapter(number, chapter) for number, chapter in enumerate(chapters))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{_contents(chapters)}\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _contents(chapters: Sequence[Chapter]) -> str:
    """Links to the sections, those of each chapter together."""
    lists = []
    for number, chapter in enumerate(chapters):
        name = f"<li><b>{escape(chapter.heading)}</b></li>" if len(chapters) > 1 else ""
        links = "".join(
            f'<li><a href="#{_id(number, place)}">{escape(section.heading)}</a></li>'
            for place, section in enumerate(chapter.sections)
        )
        lists.append(f"<ul>{name}{links}</ul>")
    return f'<nav aria-label="On this page">{"".join(lists)}</nav>'


def _chapter(number: int, chapter: Chapter) -> str:
    sections = "\n".join(
        _section(_id(number, place), section) for place, section in enumerate(chapter.sections)
    )
    return f"<h1>{escape(chapter.heading)}</h1>\n{_text(chapter.text, 'lead')}\n{sections}"


def _section(name: str, section: PageSection) -> str:
    parts = "\n".join(map(_part, section.parts))
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(section.heading)}</h2>\n'
        f"{_text(section.text)}\n<div class=parts>\n{parts}\n</div>\n</section>"
    )


def _text(text: str, kind: str = "text") -> str:
    return f'<p class="{kind}">{escape(text.strip())}</p>' if text.strip() else ""


def _id(chapter: int, section: int) -> str:
    return f"part-{chapter + 1}-{section + 1}"


def _part(part: Part) -> str:
    match part:
        case Table():
            return _table(part)
        case Facts():
            lines = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in part.lines)
            return f"<dl>{''.join(lines)}</dl>"
        case Code():
            block = f"<pre tabindex=0><code>{escape(part.text.rstrip())}</code></pre>"
            if not part.title:
                return block
            return f"<details><summary>{escape(part.title)}</summary>{block}</details>"
        case Picture():
            data = base64.b64encode(part.image).decode()
            source = f"data:{_TYPES[part.suffix]};base64,{data}"
            image = f'<img alt="{escape(part.alt)}" class={part.suffix} src="{source}">'
            if not part.fine:
                return f"<figure>{image}</figure>"
            return f"<figure class=fine {_scrolls(part.alt)}>{image}</figure>"


def _table(table: Table) -> str:
    def cells(row: Sequence[str], head: bool) -> str:
        found = []
        for place, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
            scope = "col" if head else "row" if place == 0 else ""
            tag = f"th scope={scope}" if scope else "td"
            word = " class=word" if column in table.words else ""
            found.append(f"<{tag}{word}>{escape(cell)}</{tag[:2]}>")
        return "".join(found)

    rows = "\n".join(
        f"<tr{' class=strong' if number < table.strong else ''}>{cells(row, head=False)}</tr>"
        for number, row in enumerate(table.rows)
    )
    return (
        f"<div class=table {_scrolls(table.title)}><table><caption>{escape(table.title)}</caption>"
        f"<thead><tr>{cells(table.columns, head=True)}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _scrolls(name: str) -> str:
    """A region that scrolls must be reachable by keyboard."""
    return f'tabindex=0 role=region aria-label="{escape(name)}"'
