"""What a metric's row says is what people see of it."""

import math

import pytest

from moe_search.spec.kinds.metrics import COMPARED, HEADLINE, METRICS, headline


def test_entropies_speak_of_experts_and_have_fewer_digits() -> None:
    for name, metric in METRICS.items():
        assert metric.in_bits == name.endswith(("entropy", "information"))
        assert metric.of_experts or not metric.in_bits
        assert metric.digits == (3 if metric.in_bits else 4)


def test_the_columns_of_a_comparison_each_have_a_place() -> None:
    assert [METRICS[name].compared for name in COMPARED] == list(range(1, len(COMPARED) + 1))


def test_a_line_has_the_first_metrics_and_dashes_for_what_is_not_known() -> None:
    values = {"accuracy": 0.98765, "sample_entropy": 0.1, "loss": 7.0}
    assert headline(values, "  ") == "accuracy 0.9877  H_s 0.100  H_u -  I(E;Y) -"
    assert headline(dict.fromkeys(HEADLINE, math.nan)).count("-") == len(HEADLINE)


@pytest.mark.parametrize(("value", "text"), [(0.25, "+0.2500"), (-1, "-1.0000"), (math.nan, "-")])
def test_a_difference_has_its_sign(value: float, text: str) -> None:
    assert METRICS["error"].text(value, "+") == text
