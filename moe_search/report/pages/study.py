"""A study as a chapter of a page."""

from dataclasses import asdict
from typing import Any

from moe_search.progress import Progress, Working, silent
from moe_search.report.pages.comparison import comparison_sections
from moe_search.report.pages.page import Chapter, Code, Facts, PageSection
from moe_search.report.pages.search import search_sections
from moe_search.report.results.rows import differences
from moe_search.report.results.study import Report
from moe_search.report.results.summary import finite, plain
from moe_search.spec.document import as_yaml
from moe_search.stores.mlflow import open_store
from moe_search.words import duration


def plain_report(found: Report) -> dict[str, Any]:
    """What JSON knows of it."""
    summary = plain(found.summary) | {"importances": found.importances}
    if not found.rows:
        return summary
    rows = [asdict(row) for row in found.rows]
    pairs = [asdict(one) for one in differences(found.rows)]
    return summary | {"rows": finite(rows), "differences": finite(pairs)}


def chapter(found: Report, progress: Progress = silent) -> Chapter:
    """A study's part of a page.

    Raises:
        UserError: MLflow's store cannot be opened, or lacks a run's tables.
    """
    study = found.study
    progress(Working(f"drawing the report of {study.name}"))
    client = open_store(study.mlflow_url, create=False)
    if study.configurations:
        sections = comparison_sections(study, found.rows, client)
    else:
        sections = search_sections(
            study, found.summary, found.importances, found.points, found.champion, client
        )
    return Chapter(f"Study {study.name}", study.description, (*sections, _made(found)))


def _made(found: Report) -> PageSection:
    """How to do it again, and how to have its models."""
    lines = (
        *found.made.items(),
        ("wall time", duration(found.seconds)),
        ("trials", ", ".join(f"{n} {state}" for state, n in found.summary.counts.items() if n)),
    )
    name = "champion" if found.summary.champion else "model"
    pull = "--to champion" if found.summary.champion else "--trial NUMBER --to model"
    commands = (
        "moe-search run STUDY.yaml        # goes on where it ended\n"
        "moe-search dashboard STUDY.yaml  # every trial, in Optuna and MLflow\n"
        f"moe-search pull STUDY.yaml {pull}\n"
        f"moe-search predict {name} FILES...\n"
        f"moe-search explain {name} FILES...  # which expert answers, and what each one says\n"
    )
    # its stores are left out: their URLs are this place's, and may have passwords
    given = found.study.model_dump(mode="json", exclude={"storage"}, exclude_unset=True)
    return PageSection(
        "Reproduce and use",
        "The same study with the same versions on the same kind of machine gives the same numbers.",
        (Code(commands), Facts(lines), Code(as_yaml(given), "STUDY.yaml")),
    )
