"""Several searches beside each other, as a table."""

from collections.abc import Sequence

from moe_search.report.results.searches import Entry, difference, entries
from moe_search.report.results.study import Report
from moe_search.report.text.search import OF_EXPERTS, interval_text, spread
from moe_search.report.text.table import Table
from moe_search.spec import METRICS
from moe_search.words import duration


def studies_table(reports: Sequence[Report]) -> Table | None:
    """The champions of two or more searches, the first one's as the measure; None of fewer."""
    champions = entries(reports)
    if len(champions) < 2:
        return None
    first = champions[0]
    return Table(
        f"Searches compared (champions on test; difference to “{first.found.study.name}”, 95 %)",
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
        tuple(_row(entry, first) for entry in champions),
        frozenset({"study", "data", "champion"}),
    )


def _row(entry: Entry, first: Entry) -> tuple[str, ...]:
    found, champion = entry.found, entry.champion
    names = {point.trial: point.name for point in found.points}
    done = found.summary.counts["complete"] + found.summary.counts["pruned"]
    return (
        found.study.name,
        found.study.data.name,
        str(done),
        names[champion.trial],
        str(champion.seeds),
        spread(champion.test["error"]),
        interval_text(champion.test["error"]),
        difference(entry, first),
        *(METRICS[name].text(champion.test[name].mean) for name in OF_EXPERTS),
        duration(found.seconds),
    )
