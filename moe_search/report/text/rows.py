"""The tables of a comparison."""

import math
from collections.abc import Sequence

from moe_search.intervals import FEWEST_SEEDS, Difference, Interval
from moe_search.report.results.rows import RowResult, agrees, differences
from moe_search.report.text.table import Table
from moe_search.spec.comparison import TRAINING_ERROR
from moe_search.spec.kinds.metrics import COMPARED, METRICS

COLUMNS = {TRAINING_ERROR: "train error"} | {
    name: "test error" if name == "error" else METRICS[name].symbol for name in COMPARED
}
"""What is compared: the metrics by the heads of their columns."""


def comparison_tables(rows: Sequence[RowResult]) -> list[Table]:
    """Every row's runs; the reference where there is one; pairs of seeds against the first row."""
    tables = [_runs_table(rows)] if rows else []
    if any(row.reference for row in rows):
        tables.append(_reference_table(rows))
    if against_first := differences(rows):
        tables.append(_differences_table(rows[0].name, against_first))
    return tables


def one_network(row: RowResult, metric: str) -> bool:
    """Whether a row has no experts of which the metric could speak."""
    return row.experts == 1 and metric != TRAINING_ERROR and METRICS[metric].of_experts


def _runs_table(rows: Sequence[RowResult]) -> Table:
    """With what an answer costs, where that differs from row to row."""
    differ = len({row.cost for row in rows}) > 1
    return Table(
        "Compared (test split, mean ± SD over seeds; entropies in bits; best run by validation)",
        (
            "configuration",
            "seeds",
            *COLUMNS.values(),
            "95 % of test error",
            "best run",
            "s/epoch",
            *(("evaluated", "multiply-adds") if differ else ()),
        ),
        tuple(
            (
                row.name,
                str(len(row.runs)),
                *(_cell(row, metric) for metric in COLUMNS),
                _range(row.spread("error")),
                f"{row.best.metrics['error']:.4f}",
                f"{row.seconds_per_epoch:.3g}",
                *(_cost(row) if differ else ()),
            )
            for row in rows
        ),
        frozenset({"configuration"}),
    )


def _reference_table(rows: Sequence[RowResult]) -> Table:
    """Each reference, and where it is a mean and an SD, whether ours lies within two SDs."""
    metrics = [metric for metric in COLUMNS if any(metric in row.reference for row in rows)]
    tested = any(row.reference_runs for row in rows)
    p = " p: by Welch's t, how often means of equal runs differ so;" if tested else ""
    return Table(
        f"Reference (inside: our mean lies within two SDs of it;{p} one number: a single run's)",
        ("configuration", *(COLUMNS[metric] for metric in metrics)),
        tuple(
            (row.name, *(_reference(row, metric) for metric in metrics))
            for row in rows
            if row.reference
        ),
        frozenset({"configuration"}),
    )


def _differences_table(base: str, against_first: Sequence[Difference]) -> Table:
    return Table(
        f"Test error less that of “{base}”, seed by seed",
        ("configuration", "seeds", "difference", "95 % interval"),
        tuple(
            (
                difference.name,
                str(difference.seeds),
                METRICS["error"].text(difference.error.mean, "+"),
                _range(difference.error, "+"),
            )
            for difference in against_first
        ),
        frozenset({"configuration"}),
    )


def _cell(row: RowResult, metric: str) -> str:
    if one_network(row, metric):
        return "-"
    interval, text = row.spread(metric), METRICS[_of(metric)].text
    deviation = "" if math.isnan(interval.deviation) else f" ± {text(interval.deviation)}"
    return f"{text(interval.mean)}{deviation}"


def _cost(row: RowResult) -> tuple[str, str]:
    """Experts evaluated for one answer, and multiplications with an addition."""
    return (str(row.cost.experts), f"{row.cost.multiply_adds:,}") if row.cost else ("-", "-")


def _of(metric: str) -> str:
    """The metric that a column shows, whichever split it is of."""
    return "error" if metric == TRAINING_ERROR else metric


def _reference(row: RowResult, metric: str) -> str:
    reference = row.reference.get(metric)
    if reference is None:
        return "-"
    if len(reference) == 1:
        return f"{reference[0]:.3f}; ours {row.best.metrics[metric]:.3f}"
    mean, deviation = reference
    verdict = agrees(metric, row.spread(metric), reference)
    p = row.welch(metric)
    tested = "" if math.isnan(p) else f" (p {p:.2g})"
    return f"{mean:.3f} ± {deviation:.3f} {verdict}{tested}"


def _range(interval: Interval, sign: str = "") -> str:
    """The 95 % interval of an error."""
    if not interval.known:
        return f"needs {FEWEST_SEEDS} seeds"
    text = METRICS["error"].text
    return f"{text(interval.low, sign)} to {text(interval.high, sign)}"
