"""The elements of a page: chapters, their sections, and what stands in those.

``pages.html`` and ``pages.markdown`` write them to files.
"""

from dataclasses import dataclass, field
from typing import Literal

from moe_search.report.text.table import Table


@dataclass(frozen=True)
class Picture:
    """An image.

    Attributes:
        name: file name without suffix, unlike that of all others on the page.
        alt: what it shows, for those who do not see it.
        suffix: its format.
        fine: it has details that need their size; a narrow screen scrolls it.
        live: SVG whose marks name their trials, in ``data-trial``; pointing at one shows them.
    """

    name: str
    alt: str
    image: bytes = field(repr=False)
    suffix: Literal["png", "svg"] = "svg"
    fine: bool = False
    live: bool = False


@dataclass(frozen=True)
class Trials:
    """A table of trials, which a reader sorts and filters, and the charts of the page with it.

    Attributes:
        table: a trial a row, its number first.
    """

    table: Table


@dataclass(frozen=True)
class Facts:
    """Names and what there is to say of each."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """Text to copy: commands or a file.

    Attributes:
        title: of a long one, which is shown on demand.
    """

    text: str
    title: str = ""


Part = Table | Trials | Picture | Facts | Code


@dataclass(frozen=True)
class PageSection:
    """One thing there is to say."""

    heading: str
    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Chapter:
    """One study on the page, or what several have in common."""

    heading: str
    text: str
    sections: tuple[PageSection, ...]
