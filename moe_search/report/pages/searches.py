"""Several searches beside each other, as a page's chapter."""

from collections.abc import Sequence

from moe_search.report.charts import intervals
from moe_search.report.page import Chapter, PageSection
from moe_search.report.results.searches import search_results
from moe_search.report.results.study import Report
from moe_search.report.text.searches import studies_table


def studies_chapter(reports: Sequence[Report]) -> Chapter | None:
    """A page's first chapter where it holds two or more searches."""
    table = studies_table(reports)
    if table is None:
        return None
    text = (
        "Each study's champion over its fresh seeds. A difference is given between studies of the "
        "same data, by Welch's t; where its interval holds 0, the seeds do not tell the two apart."
    )
    parts = (table, intervals.of_champions(search_results(reports)))
    return Chapter("Studies compared", "", (PageSection("Champions", text, parts),))
