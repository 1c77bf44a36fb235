"""Gate temperatures over the epochs."""

from typing import Any

import pytest
from support.small_trials import trial

from moe_search.engine.temperatures import Temperatures, temperatures
from moe_search.spec import Configuration, Training


def configuration(epochs: int = 8, **model: Any) -> Configuration:
    return trial(training=Training(epochs=epochs), **model).configuration


def over_epochs(chosen: Configuration, count: int = 8) -> list[Temperatures]:
    return [temperatures(chosen, epoch) for epoch in range(1, count + 1)]


def test_a_constant_temperature_is_that_of_gate_and_experts() -> None:
    assert over_epochs(configuration(temperature=0.7)) == [(0.7, 0.7)] * 8


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (8, [10, 10, 1, 1, 0.01, 0.01, 0.001, 0.001]),
        (4, [10, 1, 0.01, 0.001]),
        (6, [10, 10, 1, 0.01, 0.01, 0.001]),
        (1, [10]),
    ],
)
def test_quarters_multiply_the_temperature(epochs: int, expected: list[float]) -> None:
    chosen = configuration(epochs, temperature=2.0, temperature_schedule="quarters")
    found = over_epochs(chosen, epochs)
    assert [gate for gate, _ in found] == pytest.approx([2 * factor for factor in expected])
    assert all(gate == experts for gate, experts in found)


def test_decay_lowers_the_temperature_faster_and_faster_down_to_a_bound() -> None:
    chosen = configuration(8, temperature=3.0, temperature_schedule="decay", temperature_decay=2.0)
    expected = [3, 3, 3 / 3, 3 / 3 / 5, 3 / 3 / 5 / 7, 3 / 3 / 5 / 7 / 9, 0.001, 0.001]
    assert [gate for gate, _ in over_epochs(chosen)] == pytest.approx(expected)


def test_a_schedule_moves_the_experts_temperature_alone_where_they_have_their_own() -> None:
    chosen = configuration(
        4, temperature=0.5, dual_temperature=4.0, temperature_schedule="quarters"
    )
    found = over_epochs(chosen, 4)
    assert [gate for gate, _ in found] == [0.5] * 4
    assert [experts for _, experts in found] == pytest.approx([20, 2, 0.02, 0.002])


def test_after_the_last_epoch_temperatures_stay() -> None:
    chosen = configuration(4, temperature_schedule="quarters")
    assert temperatures(chosen, 9) == temperatures(chosen, 4)
