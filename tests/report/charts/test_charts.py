"""Charts: what is on the front, and that drawings hold what they were given in both themes."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_search.intervals import Interval
from moe_search.report.charts import (
    curves,
    errors,
    front,
    history,
    importances,
    intervals,
    parallel,
    race,
    row_front,
    slices,
)
from moe_search.report.charts.canvas import BLUE, canvas
from moe_search.report.charts.scales import range_scale, scale_of
from moe_search.report.results.decisions import Decisions, Incumbent, Racer
from moe_search.report.results.trials import Mark, TrialPoint, complete
from moe_search.report.results.trials import front as front_of
from moe_search.search.ranking import FinalistResult
from moe_search.spec import Choices, Domain, FloatRange, IntRange, Value


def point(
    trial: int,
    accuracy: float,
    sample_entropy: float,
    value: float | None = 0.5,
    parameters: dict[str, Value] | None = None,
) -> TrialPoint:
    metrics = {"accuracy": accuracy, "sample_entropy": sample_entropy}
    return TrialPoint(trial, f"original M={trial}", value, metrics, parameters or {}, 1.0, "r")


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


def test_rows_on_the_front_are_named_from_the_most_decided() -> None:
    rows = [("shared", 0.95, 0.9), ("decided", 0.9, 0.1), ("beaten", 0.9, 0.2)]
    found = texts(row_front.draw([Mark(*row, reference=False) for row in rows]))
    assert [text for text in found if text[-1:].isalpha() and text[:1].isdigit()] == [
        "1  decided",
        "2  shared",
    ]


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


INCUMBENTS = [Incumbent(7, 2, 0.88, 0.02), Incumbent(9, 9, 0.9, 0.01)]
CHAMPION = FinalistResult(9, "n", 3, 0.85, {}, (), champion=True, values=(0.84, 0.85, 0.86))


def test_the_history_has_what_was_believed_and_the_champions_fresh_seeds() -> None:
    every = [point(n, 0, 0, 0.8 + n / 100) for n in range(10)]
    svg = history.draw(every, "objective", "maximize", INCUMBENTS, CHAMPION)
    assert {history.BELIEVED, history.FRESH, "fresh"} <= set(texts(svg))
    assert [trial for trial, _ in named(svg)] == [*range(10), 9]
    assert len(svg) > len(history.draw(every, "objective", "maximize", INCUMBENTS))
    plain = set(texts(history.draw(every, "objective", "maximize")))
    assert not {history.BELIEVED, history.FRESH, "fresh"} & plain


def test_the_few_poorest_do_not_press_together_what_is_believed() -> None:
    values = [0.8 + n / 100 for n in range(10)]
    assert history.lowest(values, INCUMBENTS, None) is None
    low = history.lowest([*values, 0.1], INCUMBENTS, None)
    assert low is not None
    assert 0.75 < low < 0.8
    poor = FinalistResult(9, "n", 1, 0.3, {}, (), champion=True, values=(0.3,))
    low = history.lowest([*values, 0.1], INCUMBENTS, poor)
    assert low is not None
    assert 0.1 < low < 0.3, "the champion is always shown"


def test_a_racer_is_filled_where_it_gets_a_seed() -> None:
    one = Racer(8, (8, 22), (22,), None, ((1.05, 0.01), (1.0, 0.01), (1.0, 0.01)), 0.0, None, True)
    other = Racer(21, (21, 23), (23,), None, (None, (1.06, 0.01), (1.0, 0.01)), 0.1, None, True)
    svg = race.draw(Decisions((), (22, 23), (one, other)), "objective")
    assert {"trial 8", "trial 21", "22", "23", race.END} <= set(texts(svg))
    assert sorted({trial for trial, _ in named(svg)}) == [8, 21]
    assert not race.shown(Decisions((), (), (one,)))
    more = race.draw(Decisions((), (22, 23), (one, Racer(**{**vars(other), "further": ()}))), "x")
    assert svg.count(b"<use") == more.count(b"<use") + 1, "one mark more, for the seed"


def test_bars_and_intervals_are_labelled_by_what_they_show() -> None:
    shares = {"accuracy": {"a$b$": 0.7, "b": 0.3}, "loss": {"b": 1.0}}
    assert {"a$b$", "70 %", "100 %", "accuracy", "loss"} <= set(texts(importances.draw(shares)))
    entries = [
        ("champion", Interval(0.1, 0.01, 0.09, 0.11), (0.1,)),
        ("x" * 99, Interval(0.2, 0.1, 0, 1), (0.1, 0.3)),
    ]
    found = texts(intervals.draw(entries, "test error"))
    assert {"champion", "test error", "x" * 29 + "…"} <= set(found)
    assert {"cat", "dog"} <= set(texts(errors.draw(["cat", "dog"], [0.1, 0.2], [0.1, -0.1])))


def named(svg: bytes) -> list[tuple[int, dict[str, str]]]:
    """The marks of a drawing whose trials are known, in order."""
    return [
        (int(one.attrib["data-trial"]), one.attrib)
        for one in ET.fromstring(svg).iter()
        if "data-trial" in one.attrib
    ]


def test_every_mark_of_a_trial_says_whose_it_is() -> None:
    every = [point(3, 0.9, 0.1), point(41, 0.95, 0.2), point(52, 0.8, 0.3), point(6, 1, 0, None)]
    assert sorted(trial for trial, _ in named(front.draw(every))) == [3, 41, 52]
    drawn = named(history.draw(every, "objective", "maximize"))
    assert [trial for trial, _ in drawn] == [3, 41, 52, 6]
    across = [float(mark["x"]) for _, mark in drawn[:3]]
    assert across == sorted(across), "marks of trials stand in the order of their numbers"


def test_the_best_trials_have_a_curve_in_each_panel() -> None:
    values = [(1, 0.5), (2, 0.75)]
    given = [
        curves.Curve(trial, {"validation/accuracy": values, "training/loss": values})
        for trial in (7, 2)
    ]
    assert [trial for trial, _ in named(curves.draw(given))] == [2, 7, 2, 7], "the best is on top"
    assert {"trial 7", "trial 2", "training loss"} <= set(texts(curves.draw(given)))


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(0, 1), st.booleans())
def test_values_of_a_range_stand_between_its_ends(
    a: float, b: float, part: float, log: bool
) -> None:
    low, high = sorted((a, b))
    value = min(max(low * (high / low) ** part if log else low + (high - low) * part, low), high)
    share = range_scale(low, high, log).place(value)
    assert -1e-6 <= share <= 1 + 1e-6
    if high > 1.01 * low:
        assert share == pytest.approx(part, abs=1e-6)


def test_choices_stand_apart_in_their_order() -> None:
    scale = scale_of(Choices(choices=("none", "a", True)))
    assert scale.ticks == [(0.0, "none"), (0.5, "a"), (1.0, "true")]
    assert scale.place("a") == 0.5


DOMAINS: dict[str, Domain] = {
    "model.experts": IntRange(low=2, high=4),
    "model.gate": Choices(choices=("<one>", "two")),
    "regularizer.weight": FloatRange(low=0.01, high=1.0, log=True),
}
FOUND = [
    point(9, 1, 0, 0.9, {"model.experts": 4, "model.gate": "two", "regularizer.weight": 0.1}),
    point(4, 1, 0, 0.5, {"model.experts": 2, "model.gate": "<one>"}),
    point(5, 1, 0, None, {"model.experts": 3, "model.gate": "two", "regularizer.weight": 1.0}),
]


def test_parallel_coordinates_lead_each_trial_through_its_values() -> None:
    svg = parallel.draw(FOUND, DOMAINS, "objective")
    heights = {trial: [*map(float, mark["data-at"].split())] for trial, mark in named(svg)}
    assert set(heights) == {9, 4, 5}
    top, bottom, below = heights[9][0], heights[4][0], heights[4][2]
    assert top < bottom < below, "down is larger; a value without a meaning stands below the axis"
    middle = (top + bottom) / 2
    assert heights[9] == [top, top, middle, top]
    assert heights[4] == [bottom, bottom, below, bottom]
    assert heights[5] == [middle, top, top, below]
    assert {"experts", "gate", "weight", "objective", "<one>", "pruned", "-"} <= set(texts(svg))


def test_slices_show_complete_trials_that_have_the_value() -> None:
    svg = slices.draw(complete(FOUND), DOMAINS, "objective")
    assert [trial for trial, _ in named(svg)] == [9, 4, 9, 4, 9]
    assert {"experts", "<one>", "0.01", "objective on validation"} <= set(texts(svg))


def test_names_in_any_script_are_drawn_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    names = ["飛行機", "العربية", "한국어", "😀"]
    assert set(names) <= set(texts(errors.draw(names, [0.1] * 4, [0.1] * 4)))
    assert not recwarn.list


DRAWINGS: list[Callable[[], bytes]] = [
    lambda: front.draw([point(1, 0.5, 0.5)]),
    lambda: row_front.draw([Mark("one", 0.5, 0.5, reference=False)]),
    lambda: history.draw([point(1, 0.5, 0.5)], "objective", "maximize"),
    lambda: history.draw([point(9, 1, 1)], "objective", "maximize", INCUMBENTS, CHAMPION),
    lambda: errors.draw(["<&>"], [0.0], [0.0]),
    lambda: parallel.draw(FOUND, DOMAINS, "objective"),
    lambda: slices.draw(complete(FOUND), DOMAINS, "objective"),
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


def test_pictures_are_short_and_say_the_same() -> None:
    with canvas(height=2) as drawn:
        (axis,) = drawn.axes
        axis.plot([n / 7 for n in range(50)], range(50), "o")
        axis.set_xticks([1 / 7], ["0.14285714"])
    svg = drawn.svg.decode()
    assert ">0.14285714<" in svg
    places = re.findall(r' (?:x|y|d|transform)="([^"]*)"', svg)
    assert len(places) > 50
    assert not [place for place in places if re.search(r"\.\d{3}", place)]
    marks = re.search(r'<g clip-path="[^"]*" style="[^"]*">((?:\s*<use [^>]*/>){50})\s*</g>', svg)
    assert marks
    assert "style" not in marks[1]
