"""A report as tables, for a terminal and for cards."""

from moe_search.report.results.study import Report
from moe_search.report.text.rows import comparison_tables
from moe_search.report.text.search import study_tables
from moe_search.report.text.table import Table


def report_tables(report: Report) -> list[Table]:
    """All there is to show in text."""
    if report.study.configurations:
        return comparison_tables(report.rows)
    return study_tables(report.summary, report.importances)
