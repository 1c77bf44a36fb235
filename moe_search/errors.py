"""The one exception that speaks to the user, and one that speaks to developers."""

from collections.abc import Iterable

from moe_search.credentials import without_credentials


class UserError(Exception):
    """A mistake the user can mend.

    Its text is one line that says where, what and what instead, without the credentials of any
    URL in it. The command line prints it without a traceback and exits with status 2; every other
    exception is a fault of ours.

    Args:
        message: the line.
        each: what it sums up, a line each, which are printed before it.
    """

    def __init__(self, message: str, each: Iterable[str] = ()) -> None:
        super().__init__(without_credentials(message))
        for line in each:
            self.add_note(without_credentials(line))


class MemberError(Exception):
    """A member of an open set that a row declares and nothing makes: its developer's mistake.

    No trial can be trained with it, so it ends a run, with its traceback.
    """
