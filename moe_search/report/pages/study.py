"""A study as a chapter of a page, and as plain data."""

from dataclasses import asdict
from typing import Any

from moe_search.progress import Progress, Working, silent
from moe_search.report.page import Chapter, Code, Facts, Part
from moe_search.report.pages.comparison import COMPARISON
from moe_search.report.pages.search import SEARCH
from moe_search.report.pages.sections import SectionKind, sections
from moe_search.report.results.rows import differences
from moe_search.report.results.study import Report
from moe_search.report.results.summary import finite, plain
from moe_search.report.text.status import failure_text
from moe_search.spec.file.document import as_yaml
from moe_search.words import duration


def plain_report(report: Report) -> dict[str, Any]:
    """What JSON knows of it."""
    shares = report.importances.shares if report.importances else {}
    summary = plain(report.summary) | {"importances": shares}
    if not report.rows:
        return summary
    rows = [asdict(row) for row in report.rows]
    pairs = [asdict(difference) for difference in differences(report.rows)]
    return summary | {"rows": finite(rows), "differences": finite(pairs)}


def chapter(report: Report, progress: Progress = silent) -> Chapter:
    """A study's part of a page; what MLflow's store lacks is said in its place."""
    study = report.study
    progress(Working(f"drawing the report of {study.name}"))
    kinds = COMPARISON if study.configurations else SEARCH
    shown = tuple(sections((*kinds, _REPRODUCE), report))
    said = " ".join(filter(None, (unfinished(report), study.description)))
    return Chapter(f"Study {study.name}", said, shown)


def unfinished(report: Report) -> str:
    """That a comparison lacks runs; empty where none is lacking."""
    wanted, done = report.summary.trials, report.summary.counts["complete"]
    lacks = report.study.configurations and done < wanted
    return f"Unfinished: {done} of {wanted} runs." if lacks else ""


def _reproduce(report: Report) -> list[Part]:
    """How to do it again, and how to have its models."""
    counts = report.summary.counts.items()
    lines = (
        *report.made.items(),
        ("wall time", duration(report.seconds)),
        ("trials", ", ".join(f"{count} {state}" for state, count in counts if count)),
        *([("failed", failure)] if (failure := failure_text(report.summary)) else []),
    )
    name = "champion" if report.summary.champion else "model"
    pull = "--to champion" if report.summary.champion else "--trial NUMBER --to model"
    commands = (
        "moe-search run STUDY.yaml        # goes on where it ended\n"
        "moe-search dashboard STUDY.yaml  # every trial, in Optuna and MLflow\n"
        f"moe-search pull STUDY.yaml {pull}\n"
        f"moe-search predict {name} FILES...\n"
        f"moe-search explain {name} FILES...  # which expert answers, and what each one says\n"
    )
    # its stores are left out: their URLs are this place's, and may have passwords
    study = report.study.model_dump(mode="json", exclude={"storage"}, exclude_unset=True)
    return [Code(commands), Facts(lines), Code(as_yaml(study), "STUDY.yaml")]


_REPRODUCE = SectionKind(
    "Reproduce and use",
    "The same study with the same versions on the same kind of machine gives the same numbers.",
    (_reproduce,),
)
