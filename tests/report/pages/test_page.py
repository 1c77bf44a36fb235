"""The page itself: it needs nothing else, can be reached by keyboard, and says what it shows."""

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

from moe_search.report.page import Chapter, Code, Facts, PageSection, Picture, Trials
from moe_search.report.pages.html import html_page
from moe_search.report.pages.markdown import write_markdown
from moe_search.report.text.table import Table

NASTY = '<script>alert("1")</script> & more'
PARTS = (
    Table(f"numbers of {NASTY}", ("name", "n"), ((NASTY, "1"), ("b|c", "2")), frozenset({"name"})),
    Facts(((NASTY, NASTY),)),
    Code(f"run {NASTY}", "a file"),
    Picture("plain", NASTY, b"\x89PNG", "png"),
    Picture("fine", "a wide one", b"<svg></svg>", fine=True),
    Picture("live", f"live {NASTY}", b'<svg class="x"><g data-trial="7"/></svg>', live=True),
    Trials(Table("every trial", ("trial", "state"), (("7", "pruned"),))),
)
CHAPTER = Chapter(
    f"Study {NASTY}", NASTY, (PageSection(NASTY, NASTY, PARTS), PageSection("last", "", ()))
)
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Every tag with its attributes; fails where tags are not nested."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_nothing_on_the_page_is_fetched() -> None:
    page = html_page([CHAPTER])
    reader = Reader(page)
    assert not reader.all("link")
    assert "url(" not in page
    assert "@import" not in page
    assert all(image["src"].startswith("data:image/") for image in reader.all("img"))
    assert all(link["href"].startswith("#") for link in reader.all("a"))


def test_no_script_runs_but_that_of_the_page() -> None:
    page = html_page([CHAPTER])
    reader = Reader(page)
    assert reader.all("script") == [{}]
    script = page.partition("<script>")[2].partition("</script>")[0]
    seal = base64.b64encode(sha256(script.encode()).digest()).decode()
    (policy,) = (one["content"] for one in reader.all("meta") if "http-equiv" in one)
    assert f"script-src 'sha256-{seal}'" in policy
    assert policy.startswith("default-src 'none'; ")


def test_marks_and_rows_of_a_trial_are_found_by_its_number() -> None:
    reader = Reader(html_page([CHAPTER]))
    assert [name for name, one in reader.tags if one.get("data-trial") == "7"] == ["g", "tr"]


def test_every_picture_says_what_it_shows() -> None:
    assert [image["alt"] for image in Reader(html_page([CHAPTER])).all("img")] == [
        NASTY,
        "a wide one",
    ]
    (live,) = Reader(html_page([CHAPTER])).all("svg")
    assert (live["role"], live["aria-label"], live["class"]) == ("img", f"live {NASTY}", "x")


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name() -> None:
    reader = Reader(html_page([CHAPTER]))
    regions = [one for _, one in reader.tags if one.get("role") == "region"]
    assert [region["aria-label"] for region in regions] == [
        f"numbers of {NASTY}",
        "a wide one",
        "every trial",
    ]
    assert all(region["tabindex"] == "0" for region in regions)


def test_links_lead_to_the_sections_of_every_chapter() -> None:
    reader = Reader(html_page([CHAPTER, CHAPTER]))
    targets = [heading["id"] for heading in reader.all("h2")]
    assert len(set(targets)) == 4
    assert [link["href"] for link in reader.all("a")] == [f"#{target}" for target in targets]
    assert len(reader.all("h1")) == 2


def test_cells_of_a_table_know_their_row_and_column() -> None:
    scopes = [head["scope"] for head in Reader(html_page([CHAPTER])).all("th")]
    assert scopes == ["col", "col", "row", "row", "col", "col", "row"]


def test_markdown_has_its_pictures_beside_it(tmp_path: Path) -> None:
    write_markdown([CHAPTER], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert re.findall(r"\]\((.+)\)", text) == ["plain.png", "fine.svg", "live.svg"]
    assert (tmp_path / "plain.png").read_bytes() == b"\x89PNG"
    assert "| b&#124;c | 2 |" in text
    assert text.count("## ") == 2
    folded = "<details><summary>a file</summary>\n\n```\nrun "
    assert folded in text
    assert "<details><summary>every trial</summary>\n\n| trial | state |" in text


def test_pictures_of_one_name_are_files_of_their_own(tmp_path: Path) -> None:
    """As two studies of one name have them."""
    two = [
        Chapter(f"study {n}", "", (PageSection("a", "", (Picture("same", "", b"%d" % n, "png"),)),))
        for n in (1, 2)
    ]
    write_markdown(two, tmp_path / "both.md")
    assert (tmp_path / "same.png").read_bytes() == b"1"
    assert (tmp_path / "same-2.png").read_bytes() == b"2"
    assert "(same-2.png)" in (tmp_path / "both.md").read_text()
