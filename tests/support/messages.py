"""What a web hook is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Messages(list[dict[str, Any]]):
    """What it was sent so far.

    Attributes:
        url: where it listens, for ``--notify``.
    """

    url: str


@contextmanager
def web_hook() -> Iterator[Messages]:
    """A web hook on this machine, for as long as the context lasts."""
    heard = Messages()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        heard.url = f"json://user:secret@127.0.0.1:{server.server_port}/"
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()
