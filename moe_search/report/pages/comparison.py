"""The page of a comparison: its sections, in order, and what stands in each."""

from moe_search.report.charts import atlas, box_plots, row_front
from moe_search.report.page import Facts, Part
from moe_search.report.pages.sections import SectionKind
from moe_search.report.results.study import Report
from moe_search.report.text.asked import rows_table, study_facts
from moe_search.report.text.data import data_facts
from moe_search.report.text.rows import comparison_tables


def _asked(report: Report) -> list[Part]:
    return [Facts((*study_facts(report.study), *data_facts(report))), rows_table(report.study)]


def _runs(report: Report) -> list[Part]:
    return [*comparison_tables(report.rows)[:1]]


def _differences(report: Report) -> list[Part]:
    return [*comparison_tables(report.rows)[1:]]


_BOXES = "A box holds the middle half of a row's runs with their median, and dots are the runs."
_FRONT = "Rows that no other one beats in both, error and sample entropy, are on the front."


def _found_text(report: Report) -> str:
    boxes = [_BOXES] if box_plots.fit(report.rows) else []
    return " ".join([*boxes, *([_FRONT] if row_front.pictures(report) else [])])


_ATLAS = (
    "How the run with the median test error of each row divides the classes: class down, expert "
    "across, share of the class by the gate's probabilities on the test split."
)

COMPARISON = (
    SectionKind("What was asked", "", (_asked,)),
    SectionKind(
        "What was found", _found_text, (_runs, box_plots.pictures, row_front.pictures, _differences)
    ),
    SectionKind("Decomposition atlas", _ATLAS, (atlas.of_rows,)),
)
"""All but how to do it again, which every page ends with."""
