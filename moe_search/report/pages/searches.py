"""Several searches beside each other, as a page's chapter."""

from collections.abc import Sequence

from moe_search.report.charts.intervals import intervals_chart
from moe_search.report.pages.page import Chapter, PageSection, Picture
from moe_search.report.results.searches import entries
from moe_search.report.results.study import Report
from moe_search.report.text.searches import studies_table


def studies_chapter(reports: Sequence[Report]) -> Chapter | None:
    """A page's first chapter where it holds two or more searches."""
    table = studies_table(reports)
    if table is None:
        return None
    errors = [(one.found.study.name, one.champion.test["error"]) for one in entries(reports)]
    chart = Picture(
        "studies-compared",
        "Test error of the champion of each study with standard deviation and 95 % interval; the "
        "table has the numbers.",
        intervals_chart(errors, "test error: mean, ± SD (thick), 95 % (thin)"),
    )
    text = (
        "Each study's champion over its fresh seeds. A difference is given between studies of the "
        "same data, by Welch's t; where its interval holds 0, the seeds do not tell the two apart."
    )
    return Chapter("Studies compared", "", (PageSection("Champions", text, (table, chart)),))
