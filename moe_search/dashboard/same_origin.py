"""Keeps other websites away from a dashboard that has no login.

A browser lets any page a person visits send requests to this machine. optuna-dashboard answers
all of them, and some delete. So a request must name this machine as its host, which a domain that
was made to point here (DNS rebinding) does not; and it must not come from a page of another
origin, but for a link that a person follows. Programs that send no such headers are let in.

The rules are those of a resource isolation policy, https://web.dev/articles/fetch-metadata.
"""

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def guarded(app: "WSGIApplication", names: Collection[str]) -> "WSGIApplication":
    """The application behind the guard, which answers 403 to what it does not let in.

    Args:
        app: answers the rest.
        names: names and addresses in lower case by which the application may be asked, at any
            port: a tunnel may end at another one.
    """

    def guard(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        why = _refusal(environ, names)
        if why is None:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{why}\n".encode()]

    return guard


def _refusal(environ: "WSGIEnvironment", names: Collection[str]) -> str | None:
    host = environ.get("HTTP_HOST", "").lower()
    name = re.fullmatch(r"\[?([^\[\]@/]*?)\]?(?::[0-9]+)?", host)
    if name is None or name[1] not in names:
        return f"the Host header names another machine; expected one of {', '.join(names)}"
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin.lower().partition("://")[2] != host:
        return "the request comes from a page of another origin"
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
        follows_link = (
            environ["REQUEST_METHOD"] == "GET"
            and environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
            and environ.get("HTTP_SEC_FETCH_DEST") == "document"
        )
        if not follows_link:
            return "the request comes from a page of another site"
    return None
