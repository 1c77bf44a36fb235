"""Whether compiled operations can be used here, found out by compiling them."""

from moe_search.moe.native import library


def uncompiled() -> str | None:
    """None if they can, else in one line why not; the eager forms still run."""
    try:
        library("stem.cpp", INPUTS=1, KERNEL=3, OUTPUTS=0)
    except OSError as error:
        return str(error)
    return None
