"""The one-cycle policy."""

from math import cos, pi

from moe_search.engine.schedules.base import Schedule

_RISE = 0.3  # torch's numbers, as are the next two
_FIRST = 1 / 25
_LAST = _FIRST / 1e4


class OneCycle(Schedule):
    """Up to the learning rate and down to almost 0, both by half a cosine.

    Source: super-convergence (Smith and Topin, arXiv 1708.07120) as torch's ``OneCycleLR`` has it,
    with its shares and a momentum that stays.
    """

    def factor(self, step: int) -> float:
        peak, last = _RISE * self.steps - 1, self.steps - 1
        if step <= peak:
            return _between(_FIRST, 1.0, step / peak)
        return _between(1.0, _LAST, (step - peak) / (last - peak))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + cos(pi * share))
