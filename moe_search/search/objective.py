"""What a good configuration is: from metrics to the values Optuna sees."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from moe_search.spec import METRICS, Study

Metrics = Mapping[str, float]


def normalised(name: str, value: float, experts: int) -> float:
    """A metric as objectives count it: entropies divided by log2 M, so expert counts compare."""
    if not METRICS[name].in_bits:
        return value
    return value / math.log2(experts) if experts > 1 else 0.0


def directions(study: Study) -> list[Literal["minimize", "maximize"]]:
    """Optuna's directions: one for a weighted sum, one a metric for a front."""
    if study.objective.pareto is None:
        return ["maximize"]
    return [METRICS[name].better for name in study.objective.pareto]


def metric_names(study: Study) -> list[str]:
    """What the values are called in dashboards."""
    if study.objective.pareto is None:
        return ["objective"]
    return list(study.objective.pareto)


def values(study: Study, metrics: Metrics, experts: int) -> list[float]:
    """The objective of a trial, in the order of ``directions``."""
    objective = study.objective
    if objective.pareto is not None:
        return [normalised(name, metrics[name], experts) for name in objective.pareto]
    assert objective.maximize is not None
    return [
        sum(
            weight * normalised(name, metrics[name], experts)
            for name, weight in objective.maximize.items()
        )
    ]


def violations(study: Study, metrics: Metrics, experts: int) -> dict[str, float]:
    """How far each constraint is missed, by name; kept where at most 0."""
    found = {}
    for name, bound in study.objective.constraints.items():
        value = normalised(name, metrics[name], experts)
        if bound.at_most is not None:
            found[f"{name} at most {bound.at_most}"] = value - bound.at_most
        if bound.at_least is not None:
            found[f"{name} at least {bound.at_least}"] = bound.at_least - value
    return found


def mean(metrics: Sequence[Metrics]) -> dict[str, float]:
    """The mean of each metric over seeds."""
    return {name: sum(m[name] for m in metrics) / len(metrics) for name in metrics[0]}


def gain(study: Study, value: float) -> float:
    """The first value of the objective, turned so that more is better."""
    return value if directions(study)[0] == "maximize" else -value
