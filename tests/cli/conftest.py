"""What tests of the commands share."""

from collections.abc import Iterator

import pytest
from support.messages import Messages, web_hook


@pytest.fixture
def messages() -> Iterator[Messages]:
    """A web hook, to which a run may send its message."""
    with web_hook() as heard:
        yield heard
