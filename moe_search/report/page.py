"""A report as a page of its own: Markdown with pictures beside it, or one HTML file."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moe_search.report.table import Table


@dataclass(frozen=True)
class Picture:
    """A PNG with its file name without suffix, and what it shows in words."""

    name: str
    alt: str
    png: bytes = field(repr=False)


@dataclass(frozen=True)
class Facts:
    """Names and what there is to say of each."""

    title: str
    lines: tuple[tuple[str, str], ...]


Part = Table | Picture | Facts


@dataclass(frozen=True)
class Chapter:
    """One study on the page."""

    heading: str
    text: str
    parts: tuple[Part, ...]


def write_markdown(chapters: Sequence[Chapter], file: Path) -> None:
    """Write a page, and its pictures beside it."""
    lines: list[str] = []
    for chapter in chapters:
        lines += [f"# {chapter.heading}", *([chapter.text.strip()] if chapter.text else [])]
        for part in chapter.parts:
            match part:
                case Table():
                    lines += [f"## {part.title}", _markdown_table(part)]
                case Facts():
                    lines += [f"## {part.title}", _markdown_facts(part)]
                case Picture():
                    target = file.with_name(f"{part.name}.png")
                    target.write_bytes(part.png)
                    lines.append(f"![{part.alt}]({target.name})")
    file.write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def write_html(chapters: Sequence[Chapter], file: Path) -> None:
    """Write one file that needs nothing else: styles and pictures are in it."""
    title = html.escape(", ".join(chapter.heading for chapter in chapters))
    body = "\n".join(_html_chapter(chapter) for chapter in chapters)
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n"
        "</main>\n</body>\n</html>\n"
    )
    file.write_text(page, encoding="utf-8")


_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 75rem; margin: auto; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.875rem; }
th, td { padding: 0.3rem 0.6rem; text-align: right; white-space: nowrap; }
th { border-bottom: 2px solid var(--line); }
td { border-bottom: 1px solid var(--line); }
.word { text-align: left; white-space: normal; }
.strong { font-weight: 600; background: var(--soft); }
img { max-width: 100%; height: auto; background: white; }
dt { font-weight: 600; } dd { margin: 0 0 0.4rem 0; overflow-wrap: anywhere; }
@media print { main { max-width: none; padding: 0; } h2 { break-after: avoid; } }
"""


def _html_chapter(chapter: Chapter) -> str:
    lines = [f"<h1>{html.escape(chapter.heading)}</h1>"]
    if chapter.text:
        lines.append(f"<p>{html.escape(chapter.text.strip())}</p>")
    for part in chapter.parts:
        match part:
            case Table():
                lines += [f"<h2>{html.escape(part.title)}</h2>", _html_table(part)]
            case Facts():
                entries = "".join(
                    f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>"
                    for name, text in part.lines
                )
                lines += [f"<h2>{html.escape(part.title)}</h2>", f"<dl>{entries}</dl>"]
            case Picture():
                data = base64.b64encode(part.png).decode()
                lines.append(
                    f'<p><img alt="{html.escape(part.alt)}" src="data:image/png;base64,{data}"></p>'
                )
    return "\n".join(lines)


def _html_table(table: Table) -> str:
    def cells(tag: str, row: Sequence[str], extra: str) -> str:
        return "".join(
            f"<{tag}{extra}{' class=word' if column in table.words else ''}>"
            f"{html.escape(cell)}</{tag}>"
            for column, cell in zip(table.columns, row, strict=True)
        )

    rows = "\n".join(
        f"<tr{' class=strong' if number < table.strong else ''}>{cells('td', row, '')}</tr>"
        for number, row in enumerate(table.rows)
    )
    head = cells("th", table.columns, " scope=col")
    # a region that scrolls must be reachable by keyboard
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{html.escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _markdown_table(table: Table) -> str:
    rule = [":--" if column in table.words else "--:" for column in table.columns]
    rows = [table.columns, rule, *table.rows]
    return "\n".join(f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows)


def _markdown_facts(facts: Facts) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in facts.lines)


def _markdown_cell(cell: str) -> str:
    return cell.replace("|", "&#124;")
