"""What a good configuration is: from metrics to the values Optuna sees."""

import math
from collections.abc import Mapping, Sequence

from moe_search.spec import METRICS
from moe_search.spec.sections import Objective

Metrics = Mapping[str, float]


def normalised(name: str, value: float, experts: int) -> float:
    """A metric as objectives count it: entropies divided by log2 M, so expert counts compare."""
    if not METRICS[name].in_bits:
        return value
    return value / math.log2(experts) if experts > 1 else 0.0


def values(objective: Objective, metrics: Metrics, experts: int) -> list[float]:
    """The objective of a trial, in the order of its directions."""
    if objective.pareto is not None:
        return [normalised(name, metrics[name], experts) for name in objective.pareto]
    assert objective.maximize is not None
    return [
        sum(
            weight * normalised(name, metrics[name], experts)
            for name, weight in objective.maximize.items()
        )
    ]


def violations(objective: Objective, metrics: Metrics, experts: int) -> dict[str, float]:
    """By how much each constraint is missed, by name; kept where at most 0."""
    missed = {}
    for name, bound in objective.constraints.items():
        value = normalised(name, metrics[name], experts)
        if bound.at_most is not None:
            missed[f"{name} at most {bound.at_most}"] = value - bound.at_most
        if bound.at_least is not None:
            missed[f"{name} at least {bound.at_least}"] = bound.at_least - value
    return missed


def reaches(target: Metrics, metrics: Metrics, experts: int) -> bool:
    """Whether a trial has every metric of a target, or a better one."""

    def better(name: str, wanted: float) -> bool:
        value = normalised(name, metrics[name], experts)
        return value >= wanted if METRICS[name].better == "maximize" else value <= wanted

    return all(better(name, wanted) for name, wanted in target.items())


def keeps(violations: Mapping[str, float]) -> bool:
    """Whether every constraint is kept."""
    return all(violation <= 0 for violation in violations.values())


def mean(metrics: Sequence[Metrics]) -> dict[str, float]:
    """The mean of each metric over seeds."""
    return {name: sum(m[name] for m in metrics) / len(metrics) for name in metrics[0]}


def deciding(objective: Objective, choose: str | None) -> int:
    """The place of the value that ranks: of a front, of the metric to choose by, or the first."""
    return objective.names.index(choose) if choose else 0


def gain(objective: Objective, value: float, place: int = 0) -> float:
    """One of the objective's values, turned so that more is better."""
    return value if objective.directions[place] == "maximize" else -value
