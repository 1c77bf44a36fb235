"""No schedule."""

from moe_search.engine.schedules.base import Schedule


class Constant(Schedule):
    """The learning rate stays."""

    def factor(self, step: int) -> float:
        return 1.0
