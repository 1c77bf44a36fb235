"""The metrics an objective may name, in the terms of the field.

A row says all that tables, charts and pages need to know of a metric; what computes it is
``moe.decomposition``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from moe_search.spec.base import OneOf


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a trained model.

    Attributes:
        better: the direction in which it is good.
        meaning: one line for tables and help.
        symbol: its short name, at the head of a column.
        digits: decimals that are shown.
        in_bits: an entropy; objectives divide it by log2 M, so that expert counts compare.
        counted: whether it is a share of the samples, and so as uncertain as they are few.
        of_experts: whether it says something of a model with experts only.
        headline: whether it is among the few that are shown first.
        compared: its place among the columns of a comparison; 0 where it has none.
    """

    better: Literal["minimize", "maximize"]
    meaning: str
    symbol: str
    digits: int = 4
    in_bits: bool = False
    counted: bool = False
    of_experts: bool = False
    headline: bool = False
    compared: int = 0

    def text(self, value: float, sign: str = "") -> str:
        """A value in the digits that are shown; a dash where it is not known."""
        return "-" if math.isnan(value) else f"{value:{sign}.{self.digits}f}"


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        better="maximize",
        meaning="share of samples classified correctly",
        symbol="accuracy",
        counted=True,
        headline=True,
    ),
    "error": Metric(
        better="minimize", meaning="1 - accuracy", symbol="error", counted=True, compared=1
    ),
    "balanced_accuracy": Metric(
        better="maximize",
        meaning="mean over the classes of the share classified correctly",
        symbol="balanced accuracy",
    ),
    "loss": Metric(better="minimize", meaning="mean loss of the output rule, nats", symbol="loss"),
    "sample_entropy": Metric(
        better="minimize",
        meaning="H_s: mean entropy of the gate on one sample",
        symbol="H_s",
        digits=3,
        in_bits=True,
        of_experts=True,
        headline=True,
        compared=3,
    ),
    "usage_entropy": Metric(
        better="maximize",
        meaning="H_u: entropy of the mean expert usage",
        symbol="H_u",
        digits=3,
        in_bits=True,
        of_experts=True,
        headline=True,
        compared=4,
    ),
    "mutual_information": Metric(
        better="maximize",
        meaning="I(E;Y), Y the class predicted by the chosen expert",
        symbol="I(E;Y)",
        digits=3,
        in_bits=True,
        of_experts=True,
        headline=True,
        compared=2,
    ),
    "information_share": Metric(
        better="maximize",
        meaning="I(E;Y) without its bias over log2 min(M, C), Y as in mutual_information",
        symbol="I/max",
        of_experts=True,
    ),
    "label_information": Metric(
        better="maximize",
        meaning="I(E;Y), Y the true class",
        symbol="I(E;label)",
        digits=3,
        in_bits=True,
        of_experts=True,
    ),
    "conditional_entropy": Metric(
        better="minimize",
        meaning="H(E|Y): spread of a class over experts",
        symbol="H(E|Y)",
        digits=3,
        in_bits=True,
        of_experts=True,
        compared=5,
    ),
    "max_expert_share": Metric(
        better="minimize",
        meaning="largest expert usage",
        symbol="max share",
        of_experts=True,
    ),
}
"""Metrics by name; entropies are logged in bits."""

HEADLINE = tuple(name for name, metric in METRICS.items() if metric.headline)
"""The metrics that people look at first."""

COMPARED = tuple(
    sorted(
        (name for name, metric in METRICS.items() if metric.compared),
        key=lambda name: METRICS[name].compared,
    )
)
"""The metrics that rows of a comparison are compared by, in the order of their columns."""

MetricName = Annotated[str, OneOf(tuple(METRICS))]


def headline(metrics: Mapping[str, float], between: str = ", ") -> str:
    """The metrics that people look at first, on one line."""
    return between.join(
        f"{METRICS[name].symbol} {METRICS[name].text(metrics.get(name, math.nan))}"
        for name in HEADLINE
    )


def target_in_words(target: Mapping[str, float]) -> str:
    """What a trial must have to reach a target: each metric in its good direction."""
    words = {"maximize": "at least", "minimize": "at most"}
    return ", ".join(
        f"{name} {words[METRICS[name].better]} {wanted:g}" for name, wanted in target.items()
    )
