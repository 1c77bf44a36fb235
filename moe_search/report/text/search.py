"""The tables of a study's results."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from moe_search.intervals import FEWEST_SEEDS, Interval
from moe_search.report.results.summary import BestTrial, Retrained, Summary
from moe_search.report.text.status import target_text
from moe_search.report.text.table import Table, value_text
from moe_search.search.racing.finalists import LEVEL
from moe_search.search.ranking import FinalistResult
from moe_search.spec.kinds.metrics import HEADLINE, METRICS

if TYPE_CHECKING:  # loads scikit-learn, which takes a second
    from moe_search.report.results.importances import Importances

OF_EXPERTS = tuple(name for name in HEADLINE if METRICS[name].of_experts)
"""The columns beside a test error, which says what accuracy says."""


def best_table(best: tuple[BestTrial, ...], strong: bool = True) -> Table:
    """The best configurations with what they reached on validation and their searched values.

    Args:
        best: best first.
        strong: whether the first one stands out; beside finalists it is not the champion.
    """
    objectives = [name for name in best[0].values if name not in HEADLINE] if best else []
    paths = list(dict.fromkeys(path for trial in best for path in trial.parameters))
    names = dict(zip(paths, short_paths(paths), strict=True))
    seeds = ("seeds",) if any(trial.trials > 1 for trial in best) else ()
    believed = ("believed",) if any(trial.believed for trial in best) else ()
    by = ", by what all trials say together" if believed else ""
    return Table(
        f"Best configurations{by} (validation; entropies in bits)",
        (
            "trial",
            *seeds,
            *believed,
            *objectives,
            *(METRICS[name].symbol for name in HEADLINE),
            *names.values(),
        ),
        tuple(
            (
                str(trial.trial) if trial.feasible else f"{trial.trial} (infeasible)",
                *(str(trial.trials) for _ in seeds),
                *(_believed(trial) for _ in believed),
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
        strong=int(strong),
    )


def _believed(trial: BestTrial) -> str:
    return f"{trial.believed[0]:.4f} ± {trial.believed[1]:.4f}" if trial.believed else "-"


def finalists_table(
    finalists: tuple[FinalistResult, ...], retrained: Retrained | None = None
) -> Table:
    """What the finalists reached on the test split, the champion first.

    Args:
        finalists: best first.
        retrained: models of the champion's configuration, which stand below it.
    """
    chosen_by = {finalist.chosen_by for finalist in finalists} & METRICS.keys()
    rows = []
    for place, finalist in enumerate(finalists, 1):
        trial = str(finalist.trial) if finalist.feasible else f"{finalist.trial} (infeasible)"
        named = "champion" if finalist.champion else str(place), trial
        chosen = "-" if math.isnan(finalist.chosen) else f"{finalist.chosen:.4f}"
        judged = str(finalist.seeds), chosen, f"{finalist.value:.4f}"
        rows.append((*named, *judged, *_on_test(finalist.test)))
        if finalist.champion and retrained:
            judged = str(retrained.seeds), "-", "-"
            rows.append(("retrained", trial, *judged, *_on_test(retrained.test)))
    return Table(
        "Finalists (mean over fresh seeds; chosen on validation, judged on test)",
        (
            "place",
            "trial",
            "seeds",
            "in the search",
            " ".join(["validation", *(METRICS[name].symbol for name in chosen_by)]),
            "test error ± SD",
            "95 % interval",
            *(METRICS[name].symbol for name in OF_EXPERTS),
        ),
        tuple(rows),
        frozenset({"place"}),
        strong=1,
    )


def _on_test(test: Mapping[str, Interval]) -> tuple[str, ...]:
    """A row's cells on the test split."""
    error = test["error"]
    means = (METRICS[name].text(test[name].mean) for name in OF_EXPERTS)
    return spread(error), interval_text(error), *means


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
    )


def importances_table(importances: "Importances") -> Table:
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


def study_tables(summary: Summary, importances: "Importances | None") -> list[Table]:
    """All there is to show of a study so far."""
    tables = []
    if summary.best:
        tables.append(best_table(summary.best, strong=not summary.finalists))
    if importances:
        tables.append(importances_table(importances))
    if summary.finalists:
        tables.append(finalists_table(summary.finalists, summary.retrained))
    if summary.references and summary.finalists:
        tables.append(references_table(summary))
    return tables


def champion_text(summary: Summary) -> str:
    """Which configuration won, with what test error, and whether it is told from the second.

    The study must have a champion.
    """
    champion = summary.champion_result
    assert champion is not None
    error, missed = champion.test["error"], champion.missed
    sentences = [
        f"The champion is the configuration of trial {champion.trial}, {champion.name}: test error "
        f"{error.mean:.2%}{_over(champion)}.",
        margin_text(summary),
        "It was chosen by its validation results; the test split was read for the finalists alone.",
        race_text(summary),
        _luck(champion),
        retrained_text(summary),
        f"The search was to end at a target, {target_text(summary)}." if summary.target else "",
        f"No finalist keeps the constraints; this one: {missed}." if missed else "",
    ]
    return " ".join(filter(None, sentences))


def race_text(summary: Summary) -> str:
    """Whether validation tells the champion from the second; empty where it cannot say.

    It cannot, either, where finals go on, so that a better one is not the champion yet.
    """
    if len(summary.finalists) < 2 or not summary.finalists[1].lead.known:
        return ""
    champion, second = summary.finalists[:2]
    lead = second.lead
    equally_sure = second.seeds == champion.seeds
    if not champion.champion or (lead.mean > 0 and equally_sure and not champion.simplest):
        return ""
    by = (
        f"{-lead.mean:+.4f} seed by seed ({100 * LEVEL:.0f} % interval {-lead.high:+.4f} to "
        f"{-lead.low:+.4f})"
    )
    told = f"told apart from trial {second.trial}, the second: {by}"
    if second.out:
        return f"By validation the champion is {told}."
    rule = f"the {'higher' if equally_sure else 'surest'} mean is taken"
    if champion.simplest and champion.cost and second.cost:
        rule = (
            "of those within a standard error of the best, the one whose answers take the fewest "
            f"multiply-adds is taken: {champion.cost.multiply_adds:,}; those of trial "
            f"{second.trial} take {second.cost.multiply_adds:,}"
        )
    return f"By validation the champion is not {told}; {rule}."


def _luck(champion: FinalistResult) -> str:
    """The value by which it was chosen beside the fresh one: the selection bias."""
    if math.isnan(champion.chosen):
        return ""
    metric = METRICS.get(champion.chosen_by)
    falls = metric is not None and metric.better == "minimize"
    lost = (champion.value - champion.chosen) * (1 if falls else -1)
    return (
        f"The search saw it at {champion.chosen:.4f} on validation, and chose it for that; over "
        f"fresh seeds it is at {champion.value:.4f}. "
    ) + (
        f"The {lost:.4f} that it lost is selection bias, as far as these seeds tell: the best of "
        "many is in part the luckiest."
        if lost > 0
        else "These seeds show no selection bias."
    )


def retrained_text(summary: Summary) -> str:
    """That the registered model has learned from all but the test split; empty where it has not."""
    retrained = summary.retrained
    if retrained is None:
        return ""
    gain = retrained.gain
    interval = f" (95 % interval {gain.low:+.2%} to {gain.high:+.2%})" if gain.known else ""
    beside = "" if math.isnan(gain.mean) else f", {gain.mean:+.2%} seed by seed{interval}"
    return (
        "The registered model is of that configuration, but trained on training and validation "
        f"data together. Such models have a test error of {retrained.test['error'].mean:.2%}"
        f"{_over(retrained)}{beside}. Nothing is left to choose one by, so that of the first seed, "
        f"{retrained.seed}, is registered."
    )


def _over(champion: FinalistResult | Retrained) -> str:
    """The seeds of an error, and how sure it is by them."""
    error, seeds = champion.test["error"], champion.seeds
    if seeds == 1:
        return " from one fresh seed"
    deviation = f" ± {error.deviation:.2%} over {seeds} fresh seeds"
    if not error.known:
        return f"{deviation} (an interval takes {FEWEST_SEEDS})"
    return f"{deviation} (95 % interval {error.low:.2%} to {error.high:.2%})"


def margin_text(summary: Summary) -> str:
    """Whether the first finalist is told from the second by its test error; empty without one."""
    margin = summary.margin
    if margin is None:
        return ""
    if not margin.error.known:
        return (
            f"Whether it is better than {margin.name}, the second, is not known: that takes "
            f"{FEWEST_SEEDS} seeds."
        )
    error = margin.error
    interval = f"95 % interval {error.low:+.2%} to {error.high:+.2%}, seed by seed"
    if error.low <= 0 <= error.high:
        return (
            f"It is not told apart from {margin.name}, the second: the difference in test error "
            f"is {error.mean:+.2%} ({interval})."
        )
    return f"The second, {margin.name}, has a test error {error.mean:+.2%} from it ({interval})."


def short_paths(paths: list[str]) -> list[str]:
    """Paths as they stand at the head of a column: the last part where that says which."""
    names = [path.rpartition(".")[2] for path in paths]
    counts = Counter(names)
    return [name if counts[name] == 1 else path for name, path in zip(names, paths, strict=True)]


def spread(interval: Interval) -> str:
    """Mean and standard deviation of an error or accuracy."""
    return _published("error", [interval.mean, interval.deviation])


def _published(metric: str, numbers: Sequence[float]) -> str:
    return " ± ".join(METRICS[metric].text(n) for n in numbers if not math.isnan(n)) or "-"


def interval_text(interval: Interval) -> str:
    """The 95 % interval of a mean over three seeds or more."""
    if not interval.known:
        return f"needs {FEWEST_SEEDS} seeds"
    return f"{interval.low:.4f} to {interval.high:.4f}"
