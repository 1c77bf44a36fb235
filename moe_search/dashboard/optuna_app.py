"""The process that serves the Optuna dashboard behind the guard.

``python -m moe_search.dashboard.optuna_app HOST PORT ARTIFACTS STUDY`` with the URL of the store in
the environment: every user of a machine sees the arguments of its processes, and a URL may hold a
password. The dashboard alone would read every trial again at each visit; here finished ones are
read once, those of the study, by its id, before anyone is answered.
"""

import os
import socket
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.artifacts import FileSystemArtifactStore
from optuna.storages import get_storage
from optuna_dashboard import wsgi

from moe_search.dashboard.same_origin import LOOPBACK, guarded

STORE = "MOE_SEARCH_OPTUNA_STORE"
"""The variable with the store's URL."""


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's business, and their log would grow for days."""


def main(host: str, port: int, artifacts: str, study: int) -> None:
    """Serve until the process is ended."""

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        address_family = socket.getaddrinfo(host, port)[0][0]

    storage = get_storage(os.environ[STORE])
    storage.get_all_trials(study, deepcopy=False)
    app = wsgi(storage, FileSystemArtifactStore(artifacts))
    names = dict.fromkeys([*LOOPBACK, host])
    with make_server(host, port, guarded(app, names), Server, _QuietHandler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
