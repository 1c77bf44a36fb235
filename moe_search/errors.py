"""The one exception that speaks to the user."""


class UserError(Exception):
    """A mistake the user can mend.

    Its text is one line that says where, what and what instead. The command line prints it
    without a traceback and exits with status 2; every other exception is a fault of ours.
    """
