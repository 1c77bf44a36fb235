"""What a report says of one study: as tables, as plain data, and as a chapter of a page."""

from dataclasses import asdict, dataclass
from typing import Any

import optuna

from moe_search.progress import Progress, Working, silent
from moe_search.report.comparison import Compared, compare, differences
from moe_search.report.comparison_sections import comparison_sections
from moe_search.report.comparison_tables import comparison_tables
from moe_search.report.importances import Importances, importances
from moe_search.report.live import duration
from moe_search.report.page import Chapter, Code, Facts, Section
from moe_search.report.points import Point, points
from moe_search.report.search_sections import search_sections
from moe_search.report.summary import Summary, finite, plain, summarize
from moe_search.report.table import Table
from moe_search.report.tables import study_tables
from moe_search.search.ranking import CHAMPION
from moe_search.search.store import MADE, SECONDS
from moe_search.spec import Study
from moe_search.spec.document import as_yaml
from moe_search.tracking.store import open_store

_BEST = 12


@dataclass(frozen=True)
class Report:
    """A study as it stands, for every way to show it.

    Attributes:
        points: its trials; none of a comparison, which has rows.
        rows: those of a comparison; none of a search.
        champion: the run of the champion's model, if there is one.
    """

    study: Study
    summary: Summary
    importances: Importances
    points: tuple[Point, ...]
    rows: tuple[Compared, ...]
    champion: str | None
    made: dict[str, str]
    seconds: float

    @property
    def tables(self) -> list[Table]:
        """All there is to show in text."""
        if self.study.configurations:
            return comparison_tables(self.rows)
        return study_tables(self.summary, self.importances)


def report(study: Study, kept: optuna.Study) -> Report:
    """Read a study off its store."""
    listed = bool(study.configurations)
    return Report(
        study=study,
        summary=summarize(study, kept, _BEST),
        importances={} if listed else importances(study, kept),
        points=() if listed else tuple(points(kept)),
        rows=tuple(compare(study, kept)) if listed else (),
        champion=kept.user_attrs.get(CHAMPION, {}).get("run_id"),
        made=kept.user_attrs.get(MADE, {}),
        seconds=kept.user_attrs.get(SECONDS, 0.0),
    )


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


def _made(found: Report) -> Section:
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
    return Section(
        "Reproduce and use",
        "The same study with the same versions on the same kind of machine gives the same numbers.",
        (Code(commands), Facts(lines), Code(as_yaml(given), "STUDY.yaml")),
    )
