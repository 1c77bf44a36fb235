"""A page as Markdown, with its pictures beside it."""

from collections.abc import Sequence
from pathlib import Path

from moe_search.report.page import Chapter, Code, Facts, Part, Picture, Trials
from moe_search.report.text.table import Table, markdown_table


def write_markdown(chapters: Sequence[Chapter], file: Path) -> None:
    """Write a page, and its pictures beside it."""
    lines: list[str] = []
    for chapter in chapters:
        lines += [f"# {chapter.heading}", chapter.text.strip()]
        for section in chapter.sections:
            lines += [f"## {section.heading}", section.text]
            lines += [_part(part, file.parent) for part in section.parts]
    text = "\n\n".join(line for line in lines if line)
    file.write_text(f"{text}\n", encoding="utf-8")


def _part(part: Part, folder: Path) -> str:
    match part:
        case Table():
            return f"**{part.title}**\n\n{markdown_table(part)}"
        case Trials():
            return _folded(part.table.title, markdown_table(part.table))
        case Facts():
            return "\n".join(f"- {name}: {text}" for name, text in part.lines)
        case Code():
            block = f"```\n{part.text.rstrip()}\n```"
            if not part.title:
                return block
            return _folded(part.title, block)
        case Picture():
            target = folder / f"{part.name}.{part.suffix}"
            target.write_bytes(part.image)
            return f"![{part.alt}]({target.name})"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
