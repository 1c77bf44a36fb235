"""How far a study is, in words."""

from moe_search.report.results.summary import BestTrial, Summary
from moe_search.spec.kinds.metrics import HEADLINE, headline, target_in_words
from moe_search.words import one_line


def summary_facts(summary: Summary) -> list[tuple[str, str]]:
    """How far a study is, line by line."""
    facts = [("study", summary.study), ("trials", counts_text(summary))]
    if summary.failure:
        facts.append(("failed", failure_text(summary)))
    if summary.target:
        facts.append(("target", target_text(summary)))
    if summary.best:
        facts.append(("best", best_text(summary.best[0])))
    if summary.finalists:
        models = sum(finalist.seeds for finalist in summary.finalists)
        facts.append(("finalists", f"{len(summary.finalists)}, {models} models trained"))
    if summary.retrained:
        again = f"{summary.retrained.seeds} models of the champion's configuration"
        facts.append(("retrained", f"{again}, on training and validation data"))
    if summary.champion:
        facts.append(("champion", summary.champion))
    if summary.active:
        facts.append(("last activity", f"{summary.active:%Y-%m-%d %H:%M:%S %Z}"))
    return [*facts, *vars(summary.stores).items()]


def target_text(summary: Summary) -> str:
    """At what the search ends early, and which trial was there; empty without a target."""
    if not summary.target:
        return ""
    wanted = target_in_words(summary.target)
    return f"{wanted}: " + (
        "not reached" if summary.reached is None else f"reached by trial {summary.reached}"
    )


def failure_text(summary: Summary) -> str:
    """That no trial was trained, and why; empty once one was."""
    if not summary.failure:
        return ""
    return f"no trial was trained; most trials failed by: {one_line(summary.failure)}"


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
