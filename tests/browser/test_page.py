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

DESK, WIDE, PHONE = (1280, 900), (1920, 1080), (390, 844)
LARGEST = 3_000_000  # bytes


# The browser comes first: where it is lacking, nothing is trained.
@pytest.fixture(scope="module")
def address(
    browser: "Browser", finished_study: FinishedStudy, tmp_path_factory: pytest.TempPathFactory
) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    done = CliRunner().invoke(main, ["report", str(finished_study.file), "--html", str(file)])
    assert done.exit_code == 0, done.output
    assert file.stat().st_size < LARGEST
    return file.as_uri()


def background(page: "Page") -> int:
    """The red of the page's background."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(colour.removeprefix("rgb(").split(",")[0])


@pytest.mark.parametrize("size", [DESK, WIDE, PHONE], ids=["desk", "wide", "phone"])
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
    raced = page.get_by_role("heading", name="The race").count()  # who is asked when, depends
    assert page.get_by_role("img").count() == 10 + raced
    for picture in page.locator("img").all():
        see_picture(picture)


def test_it_says_what_the_data_are_and_what_was_found(page: "Page", address: str) -> None:
    page.goto(address)
    see(page.get_by_text("training 1,150, validation 288, test 359"))
    see(page.get_by_text("10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"))
    assert page.locator("tr.strong").count() == 1
    see(page.get_by_role("img", name="Accuracy on validation and training loss"))


def test_it_says_what_was_believed_and_what_fresh_seeds_say(
    page: "Page", address: str, pictures: Path
) -> None:
    page.goto(address)
    history = page.get_by_role("img", name="The objective of each trial")
    for words in ("best so far", "incumbent as believed ± SD", "champion, fresh seeds", "fresh"):
        see(history.get_by_text(words, exact=True))
    history.scroll_into_view_if_needed()
    page.screenshot(path=pictures / "page-history.png")


def test_a_desktop_is_used_from_side_to_side(page: "Page", address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(address)
    box = page.locator("svg.parallel").bounding_box()
    assert box is not None
    assert box["width"] > 1300
    facts, table = page.locator("dl").first, page.locator(".table").first
    assert facts.bounding_box()["y"] + 40 > table.bounding_box()["y"]  # type: ignore[index]


def numbers(page: "Page") -> list[int]:
    """Trials in the rows that show, from the top."""
    rows = page.locator(".trials tbody tr:visible th")
    return [int(text) for text in rows.all_inner_texts()]


def column(page: "Page", head: str) -> list[str]:
    """A column of the rows that show, by its head."""
    heads = page.locator(".trials thead th").all_inner_texts()
    place = 1 + [one.strip(" ▲▼") for one in heads].index(head)
    return page.locator(f".trials tbody tr:visible :nth-child({place})").all_inner_texts()


def test_trials_are_sorted(page: "Page", address: str) -> None:
    page.goto(address)
    values = [float(text) for text in column(page, "objective")]
    assert len(values) == 12
    assert values == sorted(values, reverse=True), "the best come first"
    page.get_by_role("button", name="accuracy", exact=True).press("Enter")
    assert column(page, "accuracy") == sorted(column(page, "accuracy"), reverse=True)
    page.get_by_role("button", name="accuracy", exact=True).press("Enter")
    assert column(page, "accuracy") == sorted(column(page, "accuracy"))
    page.get_by_role("button", name="weight", exact=True).click()
    weights = column(page, "weight")
    known = [float(text) for text in weights if text != "-"]
    assert known == sorted(known, reverse=True)
    assert weights[len(known) :] == ["-"] * (12 - len(known)), "what is not there comes last"


def test_trials_are_filtered_in_the_table_and_in_the_charts(page: "Page", address: str) -> None:
    page.goto(address)
    every = set(zip(numbers(page), column(page, "experts"), column(page, "kind"), strict=True))
    page.get_by_role("searchbox", name="Filter trials").fill("experts>=3 importance")
    kept = {trial for trial, experts, kind in every if int(experts) >= 3 and kind == "importance"}
    assert 0 < len(kept) < 12
    assert {*numbers(page)} == kept
    see(page.get_by_text(f"{len(kept)} of 12 trials"))
    lines = page.locator(".parallel [data-trial]:not(.out)")
    assert {int(line.get_attribute("data-trial") or "") for line in lines.all()} == kept
    page.get_by_role("button", name="show all").click()
    assert len(numbers(page)) == 12


def test_pointing_at_a_trial_shows_it_everywhere(
    page: "Page", address: str, pictures: Path
) -> None:
    page.goto(address)
    best = str(numbers(page)[0])
    line = page.locator(f".parallel [data-trial='{best}']")
    line.scroll_into_view_if_needed()
    x, y = line.evaluate(
        """async line => {
            // what scrolling hides, it hides in the next frame
            for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
            // where it can be pointed at: trials of one configuration lie on each other in part
            for (let far = line.getTotalLength(); far > 0; far -= 2) {
                const place = line.getPointAtLength(far).matrixTransform(line.getScreenCTM());
                if (document.elementFromPoint(place.x, place.y) === line)
                    return [place.x, place.y];
            }
        }"""
    )
    page.mouse.move(x, y)
    see(page.locator(".tip").get_by_text(f"trial {best}", exact=True))
    page.screenshot(path=pictures / "page-pointing.png")
    on = page.locator("[data-trial].on")
    assert {mark.get_attribute("data-trial") for mark in on.all()} == {best}
    charts = page.locator("figure:has(.on)")
    assert charts.count() >= 4, "parallel coordinates, history, curves and slices"
    assert page.locator(".trials tr.on").count() == 1


def test_a_range_dragged_along_an_axis_keeps_its_trials(page: "Page", address: str) -> None:
    page.goto(address)
    ranked = numbers(page)
    hold = page.locator(".parallel .hold").last
    hold.scroll_into_view_if_needed()
    box = hold.bounding_box()
    assert box is not None
    x, half = box["x"] + box["width"] / 2, box["y"] + 0.45 * box["height"]
    page.mouse.move(x, box["y"])
    page.mouse.down()
    page.mouse.move(x, half, steps=3)
    page.mouse.up()
    kept = numbers(page)
    assert 0 < len(kept) < 12
    assert kept == ranked[: len(kept)], "those with the largest objective"
    page.mouse.click(x, half)
    assert numbers(page) == ranked


def test_without_scripts_it_is_whole(browser: "Browser", address: str) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(address)
    assert page.locator(".trials tbody tr").count() == 12
    assert page.get_by_role("searchbox").count() == 0
    page.close()


def test_it_prints_light_and_whole(page: "Page", address: str, pictures: Path) -> None:
    page.emulate_media(color_scheme="dark", media="print")
    page.goto(address)
    assert background(page) > 200
    see(page.get_by_text("name: finished"))
    page.pdf(path=pictures / "page.pdf", format="A4")


def test_all_of_it_is_reached_by_keyboard(page: "Page", address: str) -> None:
    page.goto(address)
    reached = []
    for _ in range(90):
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
