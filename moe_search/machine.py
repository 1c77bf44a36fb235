"""What there is to know of the machine."""

import os


def cores() -> int:
    """Cores this process may use; of systems that do not say which, all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
