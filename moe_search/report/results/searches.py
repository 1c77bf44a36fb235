"""Several searches beside each other: what the champion of each reached on test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from moe_search.report.results.study import Report
from moe_search.report.results.summary import Judged


@dataclass(frozen=True)
class Entry:
    """A search and its champion."""

    found: Report
    champion: Judged

    @property
    def data(self) -> tuple[str, Path | None]:
        """Whose test split it is."""
        return self.found.study.data.name, self.found.study.data_path


def entries(reports: Sequence[Report]) -> list[Entry]:
    """The searches that have a champion."""
    return [
        Entry(found, champion)
        for found in reports
        for champion in found.summary.finalists
        if champion.champion
    ]


def difference(entry: Entry, first: Entry) -> str:
    """Test error less the first study's; a dash where the data are others or a seed is alone."""
    same = entry.data == first.data
    if entry is first or not same or min(entry.champion.seeds, first.champion.seeds) < 2:
        return "-"
    errors, base = entry.champion.errors, first.champion.errors
    interval = stats.ttest_ind(errors, base, equal_var=False).confidence_interval()
    difference = float(np.mean(errors) - np.mean(base))
    return f"{difference:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
