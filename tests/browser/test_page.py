"""The page of a report in Chromium: on a desk, on a phone, in the dark, in print, by keyboard."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from support.browser import see, see_picture
from support.finished_study import FinishedStudy

from moe_search.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK, PHONE = (1280, 900), (390, 844)


# The browser comes first: where it is lacking, nothing is trained.
@pytest.fixture(scope="module")
def address(
    browser: "Browser", finished_study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory
) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    done = CliRunner().invoke(main, ["report", str(finished_study.file), "--html", str(file)])
    assert done.exit_code == 0, done.output
    return file.as_uri()


def background(page: "Page") -> int:
    """The red of the page's background."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(colour.removeprefix("rgb(").split(",")[0])


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_follows_the_theme(
    page: "Page",
    address: str,
    pictures: Path,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(address)
    page.screenshot(path=pictures / f"page-{size[0]}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert (background(page) > 200) == (scheme == "light")
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data"}
    shown = page.get_by_role("img")
    assert shown.count() == 7
    for picture in shown.all():
        see_picture(picture)


def test_it_prints_light_and_whole(page: "Page", address: str, pictures: Path) -> None:
    page.emulate_media(color_scheme="dark", media="print")
    page.goto(address)
    assert background(page) > 200
    see(page.get_by_text("name: finished"))
    page.pdf(path=pictures / "page.pdf", format="A4")


def test_all_of_it_is_reached_by_keyboard(page: "Page", address: str) -> None:
    page.goto(address)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(e => e.getAttribute('aria-label') || e.textContent)(document.activeElement)"
            )
        )
        if page.evaluate("document.activeElement === document.body"):
            break
    assert reached[:2] == ["What was asked", "What was found"]
    assert any(name.startswith("Best configurations") for name in reached)
    assert any(name.startswith("The champion on the test split") for name in reached)
    assert "STUDY.yaml" in reached
    page.get_by_role("link", name="Class by class").press("Enter")
    heading = page.get_by_role("heading", name="Class by class")
    assert 0 <= heading.bounding_box()["y"] < 300  # type: ignore[index]
