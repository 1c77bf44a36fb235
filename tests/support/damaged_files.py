"""Files as a disk, a network or a crash damages them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import strategies as st

from moe_search.errors import UserError

T = TypeVar("T")


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The content cut short, or with some bytes changed."""
    if draw(st.booleans()):
        return whole[: draw(st.integers(0, len(whole) - 1))]
    content = bytearray(whole)
    for place in draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8)):
        content[place] ^= draw(st.integers(1, 255))
    return bytes(content)


def unless_refused(where: Path | str, read: Callable[[], T]) -> T | None:
    """What is read; None where it is refused, which is in one line that says where."""
    try:
        return read()
    except UserError as error:
        message = str(error)
    assert message.startswith(str(where))
    assert message.isprintable()
    return None
