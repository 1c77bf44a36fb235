"""The process that serves the Optuna dashboard behind the guard.

``python -m moe_search.report.optuna_server HOST PORT ARTIFACTS`` with the URL of the store in the
environment: every user of a machine sees the arguments of its processes, and a URL may hold a
password.
"""

import os
import socket
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import wsgi

from moe_search.report.guard import LOOPBACK, guarded

STORE = "MOE_SEARCH_OPTUNA_STORE"
"""The variable with the store's URL."""


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's business, and their log would grow for days."""


def main(host: str, port: int, artifacts: str) -> None:
    """Serve until the process is ended."""

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        address_family = socket.getaddrinfo(host, port)[0][0]

    app = wsgi(os.environ[STORE], FileSystemArtifactStore(artifacts))
    names = dict.fromkeys([*LOOPBACK, host])
    with make_server(host, port, guarded(app, names), Server, _QuietHandler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
