"""The tables of a comparison."""

import math
from collections.abc import Sequence

from moe_search.report.results.rows import Compared, Difference, agrees, differences
from moe_search.report.text.table import Table
from moe_search.search.ranking import Interval
from moe_search.spec.comparison import TRAINING_ERROR

COLUMNS = {
    TRAINING_ERROR: ("train error", 4),
    "error": ("test error", 4),
    "mutual_information": ("I(E;Y)", 3),
    "sample_entropy": ("H_s", 3),
    "usage_entropy": ("H_u", 3),
    "conditional_entropy": ("H(E|Y)", 3),
}
"""What is compared: each metric's column and decimals."""

_OF_EXPERTS = {"mutual_information", "sample_entropy", "usage_entropy", "conditional_entropy"}


def comparison_tables(rows: Sequence[Compared]) -> list[Table]:
    """Every row's runs; the reference where there is one; pairs of seeds against the first row."""
    tables = [_runs_table(rows)] if rows else []
    if any(row.reference for row in rows):
        tables.append(_reference_table(rows))
    if found := differences(rows):
        tables.append(_differences_table(rows[0].name, found))
    return tables


def one_network(row: Compared, metric: str) -> bool:
    """Whether a row has no experts of which the metric could speak."""
    return row.experts == 1 and metric in _OF_EXPERTS


def _runs_table(rows: Sequence[Compared]) -> Table:
    return Table(
        "Compared (test split, mean ± SD over seeds; entropies in bits; best run by validation)",
        (
            "configuration",
            "seeds",
            *(column for column, _ in COLUMNS.values()),
            "95 % of test error",
            "best run",
            "s/epoch",
        ),
        tuple(
            (
                row.name,
                str(len(row.runs)),
                *(_cell(row, metric, digits) for metric, (_, digits) in COLUMNS.items()),
                _range(row.spread("error"), 4),
                f"{row.best.metrics['error']:.4f}",
                f"{row.seconds_per_epoch:.3g}",
            )
            for row in rows
        ),
        frozenset({"configuration"}),
    )


def _reference_table(rows: Sequence[Compared]) -> Table:
    """Each reference, and where it is a mean and an SD, whether ours lies within two SDs."""
    metrics = [metric for metric in COLUMNS if any(metric in row.reference for row in rows)]
    return Table(
        "Reference (inside: our mean lies within two SDs of it; one number: a single run's)",
        ("configuration", *(COLUMNS[metric][0] for metric in metrics)),
        tuple(
            (row.name, *(_reference(row, metric) for metric in metrics))
            for row in rows
            if row.reference
        ),
        frozenset({"configuration"}),
    )


def _differences_table(base: str, found: Sequence[Difference]) -> Table:
    return Table(
        f"Test error less that of “{base}”, seed by seed",
        ("configuration", "seeds", "difference", "95 % interval"),
        tuple(
            (
                one.name,
                str(one.seeds),
                f"{one.error.mean:+.4f}",
                _range(one.error, 4, sign="+"),
            )
            for one in found
        ),
        frozenset({"configuration"}),
    )


def _cell(row: Compared, metric: str, digits: int) -> str:
    if one_network(row, metric):
        return "-"
    return _spread(row.spread(metric), digits)


def _spread(interval: Interval, digits: int) -> str:
    deviation = "" if math.isnan(interval.deviation) else f" ± {interval.deviation:.{digits}f}"
    return f"{interval.mean:.{digits}f}{deviation}"


def _reference(row: Compared, metric: str) -> str:
    reference = row.reference.get(metric)
    if reference is None:
        return "-"
    if len(reference) == 1:
        return f"{reference[0]:.3f}; ours {row.best.metrics[metric]:.3f}"
    mean, deviation = reference
    verdict = agrees(metric, row.spread(metric), reference)
    return f"{mean:.3f} ± {deviation:.3f} {verdict}"


def _range(interval: Interval, digits: int, sign: str = "") -> str:
    if math.isnan(interval.low):
        return "-"
    return f"{interval.low:{sign}.{digits}f} to {interval.high:{sign}.{digits}f}"
