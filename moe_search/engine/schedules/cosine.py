"""Cosine annealing."""

from math import cos, pi

from moe_search.engine.schedules.base import Schedule


class Cosine(Schedule):
    """Half a cosine down to 0: (1 + cos(pi t / T)) / 2 at step t of T.

    Source: SGDR without restarts (Loshchilov and Hutter, arXiv 1608.03983), step by step as torch's
    ``CosineAnnealingLR`` has it.
    """

    def factor(self, step: int) -> float:
        return (1 + cos(pi * step / self.steps)) / 2
