"""Several searches beside each other: what the champion of each reached on test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from moe_search.intervals import FEWEST_SEEDS
from moe_search.report.results.study import Report
from moe_search.search.ranking import FinalistResult


@dataclass(frozen=True)
class SearchResult:
    """A search and its champion."""

    report: Report
    champion: FinalistResult

    @property
    def data(self) -> tuple[object, ...]:
        """What decides which test samples there are, and of which classes.

        The seed draws them from own data, unless that brings them. The other keys decide what is
        trained on or how samples are seen: searches that differ in these are to be compared.
        """
        data, path = self.report.study.data, self.report.study.data_path
        return data.name, path, path and data.seed, data.label, data.split


def search_results(reports: Sequence[Report]) -> list[SearchResult]:
    """The searches that have a champion."""
    return [
        SearchResult(report, champion)
        for report in reports
        if (champion := report.summary.champion_result) is not None
    ]


def difference(search: SearchResult, first: SearchResult) -> str:
    """Test error less the first study's; a dash where the data are others or the seeds too few."""
    same = search.data == first.data
    seeds = min(search.champion.seeds, first.champion.seeds)
    if search is first or not same or seeds < FEWEST_SEEDS:
        return "-"
    errors, base = search.champion.errors, first.champion.errors
    interval = stats.ttest_ind(errors, base, equal_var=False).confidence_interval()
    difference = float(np.mean(errors) - np.mean(base))
    return f"{difference:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
