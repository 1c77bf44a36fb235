"""The metrics an objective may name, in the terms of the field."""

from dataclasses import dataclass
from typing import Annotated, Literal

from moe_search.spec.base import OneOf


@dataclass(frozen=True)
class Metric:
    """One number of a trained model.

    Attributes:
        better: the direction in which it is good.
        in_bits: an entropy; objectives divide it by log2 M, so that expert counts compare.
        meaning: one line for tables and help.
    """

    better: Literal["minimize", "maximize"]
    in_bits: bool
    meaning: str


METRICS: dict[str, Metric] = {
    "accuracy": Metric("maximize", False, "share of samples classified correctly"),
    "error": Metric("minimize", False, "1 - accuracy"),
    "balanced_accuracy": Metric(
        "maximize", False, "mean over the classes of the share classified correctly"
    ),
    "loss": Metric("minimize", False, "mean loss of the output rule, nats"),
    "sample_entropy": Metric("minimize", True, "H_s: mean entropy of the gate on one sample"),
    "usage_entropy": Metric("maximize", True, "H_u: entropy of the mean expert usage"),
    "mutual_information": Metric(
        "maximize", True, "I(E;Y), Y the class predicted by the chosen expert"
    ),
    "label_information": Metric("maximize", True, "I(E;Y), Y the true class"),
    "conditional_entropy": Metric("minimize", True, "H(E|Y): spread of a class over experts"),
    "max_expert_share": Metric("minimize", False, "largest expert usage"),
}
"""Metrics by name; entropies are logged in bits."""

MetricName = Annotated[str, OneOf(tuple(METRICS))]
