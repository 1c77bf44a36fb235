"""Chromium, and screenshots of what it shows, which are left in pytest's temporary folder."""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.browser import ARGUMENTS, PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def browser(needs: Callable[[str, bool], None]) -> Iterator["Browser"]:
    """Chromium with a new profile for each page."""
    chromium = shutil.which("chromium")
    needs("chromium", chromium is not None)
    needs("playwright", find_spec("playwright") is not None)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A first visit; MLflow's assistant takes a third of the window, until it is closed once."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    assistant = page.locator("[data-component-id='mlflow.assistant.chat_panel.close']")
    page.add_locator_handler(assistant, lambda close: close.click())
    yield page
    page.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of screenshots."""
    return tmp_path_factory.mktemp("pictures", numbered=False)


@pytest.fixture
def shoot(page: "Page", pictures: Path) -> Callable[[str], None]:
    """Keep what the window shows as a picture of this name."""

    def shoot(name: str) -> None:
        page.screenshot(path=pictures / f"{name}.png")

    return shoot
