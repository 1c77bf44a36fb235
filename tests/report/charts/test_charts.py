"""Charts: what is on the front, and that drawings hold what they were given in both themes."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_search.intervals import Interval
from moe_search.report.charts import errors, front, history, importances, intervals
from moe_search.report.charts.canvas import BLUE, canvas
from moe_search.report.results.trials import Mark, TrialPoint, complete
from moe_search.report.results.trials import front as front_of


def point(
    trial: int, accuracy: float, sample_entropy: float, value: float | None = 0.5
) -> TrialPoint:
    return TrialPoint(trial, f"original M={trial}", value, accuracy, sample_entropy, "r")


shares = st.floats(0, 1)
drawn_points = st.lists(st.tuples(shares, shares, st.sampled_from([None, 0.5])), max_size=12).map(
    lambda rows: [point(number, *row) for number, row in enumerate(rows)]
)


@given(drawn_points)
def test_the_front_is_what_no_other_trial_beats(every: list[TrialPoint]) -> None:
    def beats(one: TrialPoint, other: TrialPoint) -> bool:
        better = one.accuracy >= other.accuracy and one.sample_entropy <= other.sample_entropy
        same = (one.accuracy, one.sample_entropy) == (other.accuracy, other.sample_entropy)
        return better and (not same or one.trial < other.trial)

    ended = complete(every)
    assert ended == [one for one in every if one.value is not None]
    expected = [one for one in ended if not any(beats(other, one) for other in ended)]
    assert sorted(front_of(ended), key=lambda one: one.trial) == expected


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if "text" in element.tag]


def test_the_front_is_numbered() -> None:
    every = [point(3, 0.9, 0.1), point(41, 0.95, 0.2), point(52, 0.8, 0.3), point(6, 1, 0, None)]
    found = texts(front.draw(every))
    assert {"3", "41"} <= set(found)
    assert "52" not in found


def test_numbers_that_would_cover_each_other_are_left_out() -> None:
    near = [point(30 + n, 0.9 + n / 10_000, 0.2 + n / 10_000) for n in range(4)]
    found = texts(front.draw([point(3, 0.8, 0.1), *near]))
    assert [text for text in found if text in {"3", "30", "31", "32", "33"}] == ["3", "33"]


def test_references_that_no_other_beats_are_named_beside_the_front() -> None:
    given = [
        Mark("trial 3", 0.9, 0.1, reference=False),
        Mark("others", 0.8, 0.2, reference=True),
        Mark("beaten", 0.7, 0.3, reference=True),
    ]
    found = texts(front.draw([point(3, 0.9, 0.1)], given))
    assert {"finalist", "reference", "others"} <= set(found)
    assert not {"trial 3", "beaten"} & set(found)


def test_trials_far_below_are_counted_and_not_drawn() -> None:
    near = [point(number, 0.95 + number / 1000, 0.1) for number in range(12)]
    far = [point(12, 0.1, 0.1), point(13, 0.2, 0.1)]
    assert "2 more far below" in texts(front.draw(near + far))
    assert not [text for text in texts(front.draw(near)) if "below" in text]


def test_the_history_knows_which_way_is_better() -> None:
    every = [point(0, 0, 0, 0.5), point(1, 0, 0, 0.1), point(2, 0, 0, None), point(3, 0, 0, 0.9)]
    svg = history.draw(every, "objective", "maximize")
    assert {"pruned", "best so far", "objective on validation"} <= set(texts(svg))
    assert svg != history.draw(every, "objective", "minimize")


def test_bars_and_intervals_are_labelled_by_what_they_show() -> None:
    shares = {"accuracy": {"a$b$": 0.7, "b": 0.3}, "loss": {"b": 1.0}}
    assert {"a$b$", "70 %", "100 %", "accuracy", "loss"} <= set(texts(importances.draw(shares)))
    entries = [
        ("champion", Interval(0.1, 0.01, 0.09, 0.11)),
        ("x" * 99, Interval(0.2, 0.1, 0, 1)),
    ]
    found = texts(intervals.draw(entries, "test error"))
    assert {"champion", "test error", "x" * 29 + "…"} <= set(found)
    assert {"cat", "dog"} <= set(texts(errors.draw(["cat", "dog"], [0.1, 0.2], [0.1, -0.1])))


DRAWINGS: list[Callable[[], bytes]] = [
    lambda: front.draw([point(1, 0.5, 0.5)]),
    lambda: history.draw([point(1, 0.5, 0.5)], "objective", "maximize"),
    lambda: errors.draw(["<&>"], [0.0], [0.0]),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_drawings_are_small_and_the_same_each_time(draw: Callable[[], bytes]) -> None:
    assert draw() == draw()
    assert len(draw()) < 40_000


def test_colours_follow_the_theme_of_the_page() -> None:
    with canvas(2) as drawn:
        drawn.axes[0].plot([0, 1], color=BLUE)
    svg = drawn.svg.decode()
    assert f"stroke: {BLUE}" not in svg
    assert "prefers-color-scheme: dark" in svg
    assert svg.count("--c4: ") == 2, "one value for each theme"
    assert f"stroke: var(--c4, {BLUE})" in svg
