"""A page as Markdown, with its pictures beside it."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from moe_search.report.page import Chapter, Code, Facts, Part, Picture, Trials
from moe_search.report.text.table import Table, markdown_table


def write_markdown(chapters: Sequence[Chapter], file: Path) -> None:
    """Write a page, and its pictures beside it; those of one name are numbered."""
    lines: list[str] = []
    names: Counter[str] = Counter()

    def written(picture: Picture) -> str:
        names[picture.name] += 1
        number = f"-{names[picture.name]}" if names[picture.name] > 1 else ""
        target = file.with_name(f"{picture.name}{number}.{picture.suffix}")
        target.write_bytes(picture.image)
        return target.name

    for chapter in chapters:
        lines += [f"# {chapter.heading}", chapter.text.strip()]
        for section in chapter.sections:
            lines += [f"## {section.heading}", section.text]
            lines += [_part(part, written) for part in section.parts]
    text = "\n\n".join(line for line in lines if line)
    file.write_text(f"{text}\n", encoding="utf-8")


def _part(part: Part, written: Callable[[Picture], str]) -> str:
    """A part as Markdown; ``written`` writes a picture and gives its file's name."""
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
            return f"![{part.alt}]({written(part)})"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
