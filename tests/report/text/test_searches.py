"""Two searches beside each other, against Welch's interval worked out by hand."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from moe_search.intervals import Interval
from moe_search.report.pages.searches import studies_chapter
from moe_search.report.results.study import Report
from moe_search.report.results.summary import Summary
from moe_search.report.results.trials import TrialPoint
from moe_search.report.text.searches import studies_table
from moe_search.search.ranking import FinalistResult
from moe_search.spec import METRICS, Study
from moe_search.spec.kinds.stores import Stores


def found(
    name: str, errors: list[float], data: str | dict[str, Any] = "digits", champion: bool = True
) -> Report:
    test = {**dict.fromkeys(METRICS, Interval(0.5, 0.1, 0.4, 0.6)), "error": Interval.of(errors)}
    finalist = FinalistResult(
        3, "attentive M=8 T=0.70", len(errors), 0.9, test, tuple(errors), champion
    )
    states = ("complete", "pruned", "failed", "running", "waiting")
    counts = {**dict.fromkeys(states, 0), "complete": 7, "pruned": 2}
    stores = Stores("o", "m", "a")
    summary = Summary(
        study=name,
        trials=9,
        counts=counts,
        best=(),
        finalists=(finalist,),
        champion="models:/x@champion",
        references={},
        active=None,
        stores=stores,
    )
    point = TrialPoint(
        3, "attentive M=8 T=0.70", 0.9, {"accuracy": 0.9, "sample_entropy": 0.1}, {}, 1.0, "r"
    )
    study = Study.model_validate({"name": name, "data": data})
    return Report(study, summary, None, (point,), (), {}, (), None, {}, (), {}, 61.0)


def cells(reports: list[Report]) -> list[dict[str, Any]]:
    table = studies_table(reports)
    assert table is not None
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_difference_has_welchs_interval() -> None:
    a, b = [0.05, 0.06, 0.055], [0.03, 0.045, 0.05, 0.02]
    first, second = cells([found("one", a), found("two", b)])
    assert (first["difference"], first["champion"], first["trials"]) == (
        "-",
        "attentive M=8 T=0.70",
        "9",
    )
    parts = [np.var(errors, ddof=1) / len(errors) for errors in (a, b)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    mean = np.mean(b) - np.mean(a)
    assert second["difference"] == f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"
    assert second["test error ± SD"] == f"{np.mean(b):.4f} ± {np.std(b, ddof=1):.4f}"


def test_no_difference_of_two_seeds() -> None:
    assert cells([found("one", [0.1, 0.2, 0.3]), found("two", [0.1, 0.2])])[1]["difference"] == "-"


OWN = {"name": "table", "path": "rows.csv", "label": "kind"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("digits", "mnist", False),
        (OWN, OWN | {"seed": 1}, False),
        (OWN, OWN | {"label": "colour"}, False),
        (OWN, OWN | {"split": "fold"}, False),
        (OWN, OWN | {"path": "others.csv"}, False),
        (OWN, OWN | {"features": ["size"], "limit": 50, "validation": 0.1}, True),
        ("mnist", {"name": "mnist", "seed": 1}, True),
    ],
)
def test_a_difference_is_of_the_same_test_samples(one: Any, other: Any, same: bool) -> None:
    reports = [found("one", [0.1, 0.2, 0.3], one), found("two", [0.1, 0.2, 0.4], other)]
    assert (cells(reports)[1]["difference"] != "-") is same


def test_there_is_nothing_to_compare_without_two_champions() -> None:
    reports = [found("one", [0.1, 0.2]), found("two", [0.1, 0.2], champion=False)]
    assert studies_table(reports) is None
    assert studies_chapter(reports) is None


def test_the_page_opens_with_the_champions() -> None:
    chapter = studies_chapter([found("one", [0.1, 0.2]), found("two", [0.1, 0.3])])
    assert chapter is not None
    (section,) = chapter.sections
    assert [type(part).__name__ for part in section.parts] == ["Table", "Picture"]
