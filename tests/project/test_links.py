"""Every relative link and picture of what people read leads somewhere."""

import re
from pathlib import Path

import pytest
from support.shipped_studies import REPORTS, STUDIES

ROOT = STUDIES.parent
PAGES = [
    *(ROOT / "README.md", ROOT / "moe_search/README.md", ROOT / "tests/benchmarks/README.md"),
    *sorted((STUDIES / "guide").glob("*.md")),
    *(STUDIES / "paper" / "README.md", *REPORTS),
]


def links(page: Path) -> list[str]:
    """Targets of a page's links and pictures but those of other sites."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^()\s]+)\)", text)
    return [target for target in targets if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert links(page), "a page without links, or a pattern that misses them"
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert ROOT in file.parents, target
        assert not anchor or anchor in anchors(file), target


SOURCES = [
    *(path for folder in ("moe_search", "tests") for path in (ROOT / folder).rglob("*.py")),
    *PAGES,
]


def test_every_test_that_is_named_is_there() -> None:
    named = {
        name
        for path in SOURCES
        for name in re.findall(r"\btests/[\w/]+\.py\b", path.read_text(encoding="utf-8"))
    }
    assert named
    assert not [name for name in named if not (ROOT / name).is_file()]
