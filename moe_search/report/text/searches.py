"""Several searches beside each other, as a table."""

from collections.abc import Sequence

from moe_search.report.results.searches import SearchResult, difference, search_results
from moe_search.report.results.study import Report
from moe_search.report.text.search import OF_EXPERTS, interval_text, spread
from moe_search.report.text.table import Table
from moe_search.spec import METRICS
from moe_search.words import duration


def studies_table(reports: Sequence[Report]) -> Table | None:
    """The champions of two or more searches, the first one's as the measure; None of fewer."""
    champions = search_results(reports)
    if len(champions) < 2:
        return None
    first = champions[0]
    return Table(
        f"Searches compared (champions on test; difference to “{first.report.study.name}”, 95 %)",
        (
            "study",
            "data",
            "trials",
            "champion",
            "seeds",
            "test error ± SD",
            "95 % interval",
            "difference",
            *(METRICS[name].symbol for name in OF_EXPERTS),
            "wall time",
        ),
        tuple(_row(search, first) for search in champions),
        frozenset({"study", "data", "champion"}),
    )


def _row(search: SearchResult, first: SearchResult) -> tuple[str, ...]:
    report, champion = search.report, search.champion
    done = report.summary.counts["complete"] + report.summary.counts["pruned"]
    return (
        report.study.name,
        report.study.data.name,
        str(done),
        champion.name,
        str(champion.seeds),
        spread(champion.test["error"]),
        interval_text(champion.test["error"]),
        difference(search, first),
        *(METRICS[name].text(champion.test[name].mean) for name in OF_EXPERTS),
        duration(report.seconds),
    )
