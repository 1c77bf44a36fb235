"""One message when a run ends: where a person is who does not watch the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from moe_search.credentials import without_credentials
from moe_search.errors import UserError

notify_option = click.option(
    "--notify",
    metavar="URL",
    envvar="MOE_SEARCH_NOTIFY",
    help="Send a message when a study ends, fails or is interrupted: to an address of apprise's, "
    "such as ntfy://TOPIC; by default to $MOE_SEARCH_NOTIFY.",
)


class Notifier:
    """Sends messages to one address, which is never told: it may hold a password.

    Args:
        url: of apprise's; None sends nothing.

    Raises:
        UserError: apprise is not installed, or knows no such address.
    """

    def __init__(self, url: str | None) -> None:
        self._target = None
        if not url:
            return
        try:
            import apprise
        except ModuleNotFoundError as error:
            what = "--notify: apprise is not installed; pip install 'moe-search[notify]'"
            raise UserError(what) from error
        self._target = apprise.Apprise()
        if not self._target.add(url):
            raise UserError("--notify: apprise knows no such address; see apprise's documentation")

    def tell(self, study: str, text: str) -> None:
        """Send one message; where that fails, it costs a line on stderr and nothing else."""
        if self._target is None:
            return
        try:
            title = f"moe-search: {study}"
            sent = bool(self._target.notify(title=title, body=without_credentials(text)))
        except Exception:  # each of apprise's services raises errors of its own
            sent = False
        if not sent:
            click.echo("moe-search: the message to --notify was not delivered", err=True)

    @contextmanager
    def failure(self, study: str) -> Iterator[None]:
        """Tell of what is raised within the context, and let it through."""
        try:
            yield
        except KeyboardInterrupt:
            self.tell(study, "interrupted")
            raise
        except Exception as error:
            self.tell(study, f"failed: {str(error) or type(error).__name__}")
            raise
