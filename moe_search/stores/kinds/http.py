"""A store behind an MLflow server."""

from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import urlopen

from moe_search.stores.kinds.base import Store

_PATIENCE = 10  # seconds for a server's first answer


class MlflowServer(Store):
    """An MLflow server, which has a store of its own."""

    def check(self, whose: str) -> None:
        """Find out whether it answers.

        An HTTPError is an answer; whether it lets us in is between it and MLflow.
        """
        with suppress(HTTPError):
            urlopen(self.url, timeout=_PATIENCE).close()
