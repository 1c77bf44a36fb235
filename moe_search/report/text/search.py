"""The tables of a study's results."""

import math
from collections import Counter
from collections.abc import Sequence

from moe_search.report.results.importances import Importances
from moe_search.report.results.summary import BestTrial, Summary
from moe_search.report.text.table import Table, value_text
from moe_search.search.ranking import FinalistResult, Interval
from moe_search.spec.kinds.metrics import HEADLINE, METRICS, headline

OF_EXPERTS = tuple(name for name in HEADLINE if METRICS[name].of_experts)
"""The columns beside a test error, which says what accuracy says."""


def best_table(best: tuple[BestTrial, ...]) -> Table:
    """The best configurations with what they reached on validation and their searched values."""
    objectives = [name for name in best[0].values if name not in HEADLINE] if best else []
    paths = list(dict.fromkeys(path for trial in best for path in trial.parameters))
    names = dict(zip(paths, _short(paths), strict=True))
    return Table(
        "Best configurations (validation; entropies in bits)",
        ("trial", *objectives, *(METRICS[name].symbol for name in HEADLINE), *names.values()),
        tuple(
            (
                str(trial.trial) if trial.feasible else f"{trial.trial} (infeasible)",
                *(f"{trial.values[name]:.4f}" for name in objectives),
                *(METRICS[name].text(trial.metrics[name]) for name in HEADLINE),
                *(value_text(trial.parameters.get(path)) for path in paths),
            )
            for trial in best
        ),
        frozenset(
            names[path]
            for path in paths
            if any(isinstance(trial.parameters.get(path), str) for trial in best)
        ),
        strong=1,
    )


def finalists_table(finalists: tuple[FinalistResult, ...]) -> Table:
    """What the finalists reached on the test split, the champion first."""
    return Table(
        "Finalists (mean over fresh seeds; chosen on validation, judged on test)",
        (
            "place",
            "trial",
            "seeds",
            "validation",
            "test error ± SD",
            "95 % interval",
            *(METRICS[name].symbol for name in OF_EXPERTS),
        ),
        tuple(
            (
                "champion" if finalist.champion else str(place),
                str(finalist.trial) if finalist.feasible else f"{finalist.trial} (infeasible)",
                str(finalist.seeds),
                f"{finalist.value:.4f}",
                spread(finalist.test["error"]),
                interval_text(finalist.test["error"]),
                *(METRICS[name].text(finalist.test[name].mean) for name in OF_EXPERTS),
            )
            for place, finalist in enumerate(finalists, 1)
        ),
        frozenset({"place"}),
        strong=1,
    )


def references_table(summary: Summary) -> Table:
    """The best finalist beside the numbers of others."""
    metrics = ("error", *OF_EXPERTS)
    best = summary.finalists[0].test
    ours = {name: [interval.mean, interval.deviation] for name, interval in best.items()}
    return Table(
        "Best finalist and references (test split, mean ± SD; one number: a single run's)",
        ("", "test error", *(METRICS[name].symbol for name in OF_EXPERTS)),
        tuple(
            (name, *(_published(metric, row.get(metric, [])) for metric in metrics))
            for name, row in {"best finalist": ours, **summary.references}.items()
        ),
        frozenset({""}),
        strong=1,
    )


def importances_table(importances: Importances) -> Table:
    """Each parameter's share, for each objective."""
    paths = list(dict.fromkeys(path for shares in importances.shares.values() for path in shares))
    return Table(
        "Importance of the searched values "
        f"(for being among the best {importances.best} of {importances.trials} trials)",
        ("parameter", *importances.shares),
        tuple(
            (
                path,
                *(f"{100 * shares.get(path, 0.0):.0f} %" for shares in importances.shares.values()),
            )
            for path in paths
        ),
        frozenset({"parameter"}),
    )


def study_tables(summary: Summary, importances: Importances | None) -> list[Table]:
    """All there is to show of a study so far."""
    tables = []
    if summary.best:
        tables.append(best_table(summary.best))
    if importances:
        tables.append(importances_table(importances))
    if summary.finalists:
        tables.append(finalists_table(summary.finalists))
    if summary.references and summary.finalists:
        tables.append(references_table(summary))
    return tables


def champion_text(champion: FinalistResult) -> str:
    """Which configuration won, with what test error, in a sentence or two."""
    error = champion.test["error"]
    over = (
        f" ± {error.deviation:.2%} over {champion.seeds} fresh seeds (95 % interval "
        f"{max(error.low, 0):.2%} to {error.high:.2%})"
        if champion.seeds > 1
        else " from one fresh seed"
    )
    missed = champion.missed
    infeasible = f" No finalist keeps the constraints; this one: {missed}." if missed else ""
    return (
        f"The champion is the configuration of trial {champion.trial}, "
        f"{champion.name}: test error {error.mean:.2%}{over}. It was chosen by its "
        f"validation results; the test split was read for the finalists alone.{infeasible}"
    )


def summary_facts(summary: Summary) -> list[tuple[str, str]]:
    """How far a study is, line by line."""
    facts = [("study", summary.study), ("trials", counts_text(summary))]
    if summary.best:
        facts.append(("best", best_text(summary.best[0])))
    if summary.finalists:
        models = sum(finalist.seeds for finalist in summary.finalists)
        facts.append(("finalists", f"{len(summary.finalists)}, {models} models trained"))
    if summary.champion:
        facts.append(("champion", summary.champion))
    if summary.active:
        facts.append(("last activity", f"{summary.active:%Y-%m-%d %H:%M:%S %Z}"))
    return [*facts, *vars(summary.stores).items()]


def counts_text(summary: Summary) -> str:
    """Trials done of those wanted, and their states."""
    counts = summary.counts
    done = counts["complete"] + counts["pruned"]
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return f"{done} of {summary.trials} trials" + (f" ({states})" if states else "")


def best_text(best: BestTrial) -> str:
    """A configuration's trial and what it reached, in one line."""
    values = [f"{name} {value:.4f}" for name, value in best.values.items() if name not in HEADLINE]
    return ", ".join([f"trial {best.trial}", *values, headline(best.metrics)])


def _short(paths: list[str]) -> list[str]:
    """The last part of each path where that says which."""
    names = [path.rpartition(".")[2] for path in paths]
    counts = Counter(names)
    return [name if counts[name] == 1 else path for name, path in zip(names, paths, strict=True)]


def spread(interval: Interval) -> str:
    """Mean and standard deviation of an error or accuracy."""
    return _published("error", [interval.mean, interval.deviation])


def _published(metric: str, numbers: Sequence[float]) -> str:
    return " ± ".join(METRICS[metric].text(n) for n in numbers if not math.isnan(n)) or "-"


def interval_text(interval: Interval) -> str:
    """The 95 % interval of a mean; a dash where one seed gives none."""
    return "-" if math.isnan(interval.low) else f"{interval.low:.4f} to {interval.high:.4f}"
