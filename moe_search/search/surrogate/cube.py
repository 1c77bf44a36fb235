"""A study's space as a unit cube: each searched hyperparameter is one side of it.

Shape suffixes: D searched hyperparameter.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from moe_search.spec import Choices, Domain, FloatRange, IntRange, Value
from moe_search.spec.searchable import Parameter

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Cube:
    """Places of configurations.

    Args:
        parameters: what is searched, conditions before what depends on them.

    Attributes:
        kinds_D: which sides are choices, whose places have no order.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = tuple(parameters)
        self.kinds_D: Bools = np.array([isinstance(p.domain, Choices) for p in parameters])

    def place(self, values: Mapping[str, Any]) -> Floats:
        """Where values by path lie, [D]; NaN for what has no meaning beside the others."""
        return np.array(
            [
                _place(parameter.domain, values[parameter.path])
                if parameter.path in values
                else np.nan
                for parameter in self._parameters
            ]
        )

    def values(self, place_D: Sequence[float] | Floats) -> dict[str, Value]:
        """The values by path at a place, [D], of what has a meaning there."""
        values: dict[str, Value] = {}
        for parameter, place in zip(self._parameters, place_D, strict=True):
            if parameter.is_active(values):
                values[parameter.path] = _value(parameter.domain, float(place))
        return values


def _place(domain: Domain, value: Value) -> float:
    """From 0 to 1; what has steps lies in the middle of its own."""
    if isinstance(domain, Choices):
        return (domain.choices.index(value) + 0.5) / len(domain.choices)
    low, high, half = _ends(domain)
    if domain.log:
        return math.log(float(value) / (low - half)) / math.log((high + half) / (low - half))
    return (float(value) - low + half) / (high - low + 2 * half)


def _value(domain: Domain, place: float) -> Value:
    if isinstance(domain, Choices):
        return domain.choices[min(int(place * len(domain.choices)), len(domain.choices) - 1)]
    low, high, half = _ends(domain)
    if domain.log:
        value = float((low - half) * ((high + half) / (low - half)) ** place)
    else:
        value = low - half + place * (high - low + 2 * half)
    if not domain.step:
        return min(max(value, low), high)
    return domain.nth(min(max(round((value - low) / domain.step), 0), domain.steps))


def _ends(domain: IntRange | FloatRange) -> tuple[float, float, float]:
    """The first and the last candidate, and half of the distance between two."""
    if not domain.step:
        return domain.low, domain.high, 0.0
    return domain.low, domain.nth(domain.steps), domain.step / 2
