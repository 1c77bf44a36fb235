"""Several searches beside each other: what the champion of each reached on test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from moe_search.report.chapters import Report
from moe_search.report.charts import intervals_chart
from moe_search.report.live import duration
from moe_search.report.page import Chapter, Picture, Section
from moe_search.report.summary import Judged
from moe_search.report.table import Table
from moe_search.report.tables import interval_text, spread


@dataclass(frozen=True)
class _Entry:
    """A search and its champion."""

    found: Report
    champion: Judged

    @property
    def data(self) -> tuple[str, Path | None]:
        """Whose test split it is."""
        return self.found.study.data.name, self.found.study.data_path


def studies_table(reports: Sequence[Report]) -> Table | None:
    """The champions of two or more searches, the first one's as the measure; None of fewer."""
    entries = _entries(reports)
    if len(entries) < 2:
        return None
    first = entries[0]
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
            "H_s",
            "H_u",
            "I(E;Y)",
            "wall time",
        ),
        tuple(_row(entry, first) for entry in entries),
        frozenset({"study", "data", "champion"}),
    )


def studies_chapter(reports: Sequence[Report]) -> Chapter | None:
    """A page's first chapter where it holds two or more searches."""
    table = studies_table(reports)
    if table is None:
        return None
    entries = [(one.found.study.name, one.champion.test["error"]) for one in _entries(reports)]
    chart = Picture(
        "studies-compared",
        "Test error of the champion of each study with standard deviation and 95 % interval; the "
        "table has the numbers.",
        intervals_chart(entries, "test error: mean, ± SD (thick), 95 % (thin)"),
    )
    text = (
        "Each study's champion over its fresh seeds. A difference is given between studies of the "
        "same data, by Welch's t; where its interval holds 0, the seeds do not tell the two apart."
    )
    return Chapter("Studies compared", "", (Section("Champions", text, (table, chart)),))


def _entries(reports: Sequence[Report]) -> list[_Entry]:
    return [
        _Entry(found, champion)
        for found in reports
        for champion in found.summary.finalists
        if champion.champion
    ]


def _row(entry: _Entry, first: _Entry) -> tuple[str, ...]:
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
        _difference(entry, first),
        f"{champion.test['sample_entropy'].mean:.3f}",
        f"{champion.test['usage_entropy'].mean:.3f}",
        f"{champion.test['mutual_information'].mean:.3f}",
        duration(found.seconds),
    )


def _difference(entry: _Entry, first: _Entry) -> str:
    """Test error less the first study's; a dash where the data are others or a seed is alone."""
    same = entry.data == first.data
    if entry is first or not same or min(entry.champion.seeds, first.champion.seeds) < 2:
        return "-"
    errors, base = entry.champion.errors, first.champion.errors
    interval = stats.ttest_ind(errors, base, equal_var=False).confidence_interval()
    difference = float(np.mean(errors) - np.mean(base))
    return f"{difference:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
