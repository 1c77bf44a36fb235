"""From metrics to the values Optuna sees."""

from typing import Any

import pytest

from moe_search.search import objective
from moe_search.spec import METRICS
from moe_search.spec.sections import Objective

BITS = dict.fromkeys(METRICS, 1.5)


def goal(**sections: Any) -> Objective:
    return Objective.model_validate(sections)


@pytest.mark.parametrize("name", METRICS)
def test_entropies_count_as_fractions_of_log2_m_and_all_else_as_it_is(name: str) -> None:
    in_bits = name.endswith(("entropy", "information"))
    assert objective.normalised(name, 1.5, 8) == (0.5 if in_bits else 1.5)
    assert objective.normalised(name, 1.5, 2) == 1.5
    assert objective.normalised(name, 0.7, 1) == (0.0 if in_bits else 0.7)


def test_the_default_is_accuracy_with_sharp_gates_and_even_usage() -> None:
    metrics = BITS | {"accuracy": 0.9, "sample_entropy": 0.6, "usage_entropy": 2.4}
    (value,) = objective.values(goal(), metrics, experts=8)
    assert value == pytest.approx(0.9 - 0.1 * 0.2 + 0.1 * 0.8)
    assert goal().directions == ["maximize"]
    assert goal().names == ["objective"]


def test_any_metric_has_its_weight_in_the_sum() -> None:
    weights = {"error": -2.0, "label_information": 0.5}
    metrics = BITS | {"error": 0.1, "label_information": 1.0}
    (value,) = objective.values(goal(maximize=weights), metrics, experts=4)
    assert value == pytest.approx(-2 * 0.1 + 0.5 * 0.5)


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ({"accuracy": 0.9}, True),
        ({"accuracy": 0.91}, False),
        ({"error": 0.1, "usage_entropy": 0.75}, True),
        ({"error": 0.1, "usage_entropy": 0.76}, False),
        ({"sample_entropy": 0.2}, True),
        ({"sample_entropy": 0.19}, False),
    ],
)
def test_a_target_is_reached_by_every_metric_in_its_good_direction(
    target: dict[str, float], reached: bool
) -> None:
    metrics = {"accuracy": 0.9, "error": 0.1, "usage_entropy": 2.25, "sample_entropy": 0.6}
    assert objective.reaches(target, metrics, experts=8) is reached


def test_each_objective_of_a_front_has_its_good_direction() -> None:
    several = goal(pareto=["error", "mutual_information", "conditional_entropy"])
    metrics = {"error": 0.1, "mutual_information": 2.0, "conditional_entropy": 1.0}
    assert objective.values(several, metrics, experts=4) == [0.1, 1.0, 0.5]
    assert several.directions == ["minimize", "maximize", "minimize"]
    assert several.names == list(metrics)
    assert objective.gain(several, 0.3) == -0.3
    assert objective.gain(goal(), 0.3) == 0.3


def test_violations_are_positive_where_a_bound_is_missed() -> None:
    several = goal(
        constraints={
            "max_expert_share": {"at_most": 0.6},
            "usage_entropy": {"at_least": 0.5, "at_most": 0.75},
        }
    )
    metrics = BITS | {"max_expert_share": 0.7, "usage_entropy": 0.8}
    found = objective.violations(several, metrics, experts=4)
    assert found == {
        "max_expert_share at most 0.6": pytest.approx(0.1),
        "usage_entropy at least 0.5": pytest.approx(0.1),
        "usage_entropy at most 0.75": pytest.approx(-0.35),
    }
    exact = metrics | {"max_expert_share": 0.6}
    assert objective.violations(several, exact, experts=4)["max_expert_share at most 0.6"] == 0
    assert objective.violations(goal(), metrics, experts=4) == {}


def test_the_mean_over_seeds() -> None:
    metrics = [{"accuracy": 0.8, "loss": 0.2}, {"accuracy": 0.9, "loss": 0.6}]
    assert objective.mean(metrics) == pytest.approx({"accuracy": 0.85, "loss": 0.4})
