"""Looking at pages in a real browser."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000  # ms; the first page of a server takes the longest


def see(shown: "Locator") -> None:
    """Wait until the first of what is looked for shows."""
    from playwright.sync_api import expect

    expect(shown.first).to_be_visible(timeout=PATIENCE)


def see_picture(picture: "Locator") -> None:
    """Wait until an image has been loaded and could be read."""
    see(picture)
    picture.first.evaluate("image => image.decode()")
    assert picture.first.evaluate("image => image.naturalWidth") > 0
