"""What a report says of one study: its tables, and for a page also pictures and how it was made."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from moe_search.moe.decomposition import Table as Counts
from moe_search.report.boxes import box_plots
from moe_search.report.comparison import Compared, compare, differences
from moe_search.report.comparison_tables import comparison_tables
from moe_search.report.importances import Importances, importances
from moe_search.report.live import duration
from moe_search.report.page import Chapter, Facts, Part, Picture
from moe_search.report.summary import Summary, finite, plain, summarize
from moe_search.report.table import Table
from moe_search.report.tables import study_tables
from moe_search.search.store import MADE, SECONDS
from moe_search.spec import Study
from moe_search.tracking.figures import atlas
from moe_search.tracking.store import open_store

_BEST = 10
_SOFT = "decomposition/class_by_expert_soft.csv"
_ON_A_MAP = 9  # rows whose heat maps stay readable in one picture


@dataclass(frozen=True)
class Report:
    """A study as it stands, for every way to show it.

    Attributes:
        rows: those of a comparison; empty for a search.
    """

    study: Study
    summary: Summary
    importances: Importances
    rows: tuple[Compared, ...]
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
        rows=tuple(compare(study, kept)) if listed else (),
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


def chapter(found: Report) -> Chapter:
    """A study's part of a page.

    Raises:
        UserError: MLflow's store cannot be opened.
    """
    parts: list[Part] = list(found.tables)
    if found.rows:
        parts[1:1] = _pictures(found)
    lines = (
        *found.made.items(),
        ("wall time", duration(found.seconds)),
        ("trials", ", ".join(f"{n} {state}" for state, n in found.summary.counts.items() if n)),
    )
    study = found.study
    return Chapter(
        f"Study {study.name}", study.description, (*parts, Facts("How it was made", lines))
    )


def _pictures(found: Report) -> list[Picture]:
    name = found.study.name
    boxes = box_plots(found.rows, f"{name}: every run")
    pictures = [Picture(f"{name}-runs", f"Box plots of the runs of each row of {name}", boxes)]
    rows = [row for row in found.rows if row.experts > 1]
    for first in range(0, len(rows), _ON_A_MAP):
        some = rows[first : first + _ON_A_MAP]
        names = ", ".join(row.name for row in some)
        pictures.append(
            Picture(
                f"{name}-experts-{first // _ON_A_MAP + 1}",
                f"Class by expert in the median run of {names}",
                _heat_maps(found.study, some),
            )
        )
    return pictures


def _heat_maps(study: Study, rows: Sequence[Compared]) -> bytes:
    client = open_store(study.mlflow_url, create=False)
    entries, classes = [], [""]
    for row in rows:
        file = client.download_artifacts(row.median.run_id, _SOFT)
        classes, soft_CM = _read(Path(file).read_text(encoding="utf-8"))
        entries.append((row.name, soft_CM))
    return atlas(entries, classes)


def _read(text: str) -> tuple[list[str], Counts]:
    """Class names and a table of classes by experts."""
    _, *lines = csv.reader(io.StringIO(text))
    return [line[0] for line in lines], np.array([line[1:] for line in lines], dtype=np.float64)
