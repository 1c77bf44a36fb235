"""How a search decided, in words and tables."""

from collections.abc import Sequence

from moe_search.intervals import Interval
from moe_search.report.results.decisions import Racer
from moe_search.report.results.study import Report
from moe_search.report.text.table import Table
from moe_search.search.racing.finalists import LEVEL
from moe_search.search.ranking import FinalistResult


def believed_text(report: Report) -> list[str]:
    """What is believed of the last incumbent, and what fresh seeds say of the champion."""
    said = []
    if report.decisions.incumbents:
        last = report.decisions.incumbents[-1]
        said.append(
            f"The incumbent, trial {last.trial} at the end, is believed to be worth "
            f"{worth_text((last.mean, last.deviation))}."
        )
    if champion := report.fresh:
        interval = Interval.of(champion.values)
        bounds = f" (95 % interval {interval.low:.4f} to {interval.high:.4f})"
        said.append(
            f"Over {champion.seeds} fresh seeds the champion, trial {champion.trial}, is at "
            f"{champion.value:.4f}{bounds if interval.known else ''}."
        )
    return said


def race_words(report: Report) -> str:
    """How to read the race of the search and that of the finalists; empty without either."""
    said, racers = [], report.decisions.racers
    if racers:
        count = sum(len(racer.further) for racer in racers)
        said.append(
            f"The last trials, here {count}, are further seeds of what may be the best: each goes "
            "to the configuration that is the best by all trials together, half a standard "
            "deviation counting for it. What was lucky falls back then. A configuration is dropped "
            "when a seed that it could have had goes to another; the table says when, and how far "
            "it was behind."
        )
    if finals_raced(report):
        said.append(
            "Finalists race over fresh seeds, the same for all: one whose whole interval lies "
            "below 0 can no longer win, and gets no more of them."
        )
    return " ".join(said)


def finals_raced(report: Report) -> bool:
    """Whether finalists got seeds by how they stood."""
    others = report.summary.finalists[1:]
    return report.study.finals_race and any(other.lead.known for other in others)


def race_table(racers: Sequence[Racer]) -> Table:
    """Who got further seeds, what was believed of it before and after, and who was dropped when.

    Args:
        racers: the best first.
    """
    return Table(
        "The race of the search (objective on validation, by what all trials say together)",
        ("trial", "its trials", "further seeds", "before", "at the end", "behind", "dropped"),
        tuple(
            (
                str(racer.trial) if racer.feasible else f"{racer.trial} (infeasible)",
                ", ".join(map(str, racer.trials)),
                ", ".join(map(str, racer.further)) or "-",
                worth_text(racer.before),
                worth_text(racer.believed[-1]),
                f"{racer.behind:.4f}" if place else "leads",
                dropped_text(racer) or "-",
            )
            for place, racer in enumerate(racers)
        ),
        frozenset({"its trials", "further seeds", "dropped"}),
        strong=1,
    )


def dropped_text(racer: Racer) -> str:
    """When a configuration was dropped, and by how much; empty where it was not."""
    if not racer.dropped:
        return ""
    trial, behind = racer.dropped
    return f"at trial {trial}, {behind:.4f} behind"


def finals_race_table(finalists: Sequence[FinalistResult]) -> Table:
    """How the finalists stand to the first, seed by seed; more is better.

    Args:
        finalists: as they stand.
    """
    fewer = max(finalist.seeds for finalist in finalists)
    return Table(
        "The race of the finalists (on validation, seed by seed; more is better)",
        ("trial", "fresh seeds", "to the first", f"{100 * LEVEL:.0f} % interval", "standing"),
        tuple(
            (
                str(finalist.trial) if finalist.feasible else f"{finalist.trial} (infeasible)",
                str(finalist.seeds),
                f"{finalist.lead.mean:+.4f}" if place and finalist.feasible else "-",
                f"{finalist.lead.low:+.4f} to {finalist.lead.high:+.4f}"
                if finalist.lead.known
                else "-",
                _fate(finalist, first=not place, fewer=finalist.seeds < fewer),
            )
            for place, finalist in enumerate(finalists)
        ),
        frozenset({"standing"}),
        strong=1,
    )


def _fate(finalist: FinalistResult, first: bool, fewer: bool) -> str:
    if not finalist.feasible:
        return f"no race: {finalist.missed}"
    if first:
        return "first"
    if not finalist.out:
        return "not told apart"
    return f"out after {finalist.seeds} seeds" if fewer else "told apart"


def worth_text(believed: tuple[float, float] | None) -> str:
    """Mean and standard deviation of what is believed; a dash where nothing is."""
    return f"{believed[0]:.4f} ± {believed[1]:.4f}" if believed else "-"
