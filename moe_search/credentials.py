"""What of a URL may be told: everything but the credentials in it."""

import re

# The path of a file is told in full.
_URL = re.compile(r"\b(?!sqlite:|file:)([a-z][a-z0-9+.-]{0,30}://)(\S+)", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """Text in which every URL lacks its user, password and query: ``postgresql://***@host/name``.

    Whatever is told of a store, in messages, notes, reports and pages, goes through here.
    """
    return _URL.sub(_told, text)


def _told(url: re.Match[str]) -> str:
    # A password that is not written as it should be may hold any letter: the last @ ends it.
    _, user, place = url[2].rpartition("@")
    place, asked, _ = place.partition("?")
    return f"{url[1]}{'***' + user if user else ''}{place}{asked and '?***'}"
