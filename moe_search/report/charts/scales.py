"""Where the values of a hyperparameter stand on an axis, as a share of its length."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from moe_search.report.charts.canvas import short
from moe_search.report.text.table import value_text
from moe_search.spec import Choices, Domain, Value

_FEW = 8  # values, too few to tell outliers
_LONGEST = 14  # letters of a tick


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to 1.

    Attributes:
        ticks: shares with what they stand for.
        place: the share of a value.
    """

    ticks: list[tuple[float, str]]
    place: Callable[[Value], float]


def scale_of(domain: Domain) -> Scale:
    """The axis of a searched value."""
    if isinstance(domain, Choices):
        return _of_choices(domain.choices)
    return range_scale(domain.low, domain.high, domain.log)


def range_scale(low: float, high: float, log: bool = False, form: str = ".3g") -> Scale:
    """Numbers from low to high; both and their middle are written, in a form."""

    def scaled(value: float) -> float:
        return math.log(value) if log else value

    def place(value: Value) -> float:
        assert not isinstance(value, str)
        return (scaled(value) - scaled(low)) / ((scaled(high) - scaled(low)) or 1.0)

    middle = math.sqrt(low * high) if log else (low + high) / 2
    shown = dict.fromkeys((low, middle, high))
    return Scale([(place(value), f"{value:{form}}") for value in shown], place)


def fence(values: Sequence[float]) -> float:
    """Below which values are outliers (Tukey's, as in box plots); of few values, below all."""
    if len(values) < _FEW:
        return -math.inf
    low, _, high = quantiles(values, n=4)
    return low - 1.5 * (high - low)


def _of_choices(choices: Sequence[Value]) -> Scale:
    def place(value: Value) -> float:
        return choices.index(value) / max(len(choices) - 1, 1)

    return Scale([(place(one), short(value_text(one), _LONGEST)) for one in choices], place)
