"""What a report says of one study: as tables, as plain data, and as a chapter of a page."""

from dataclasses import dataclass

import optuna

from moe_search.report.results.importances import Importances, importances
from moe_search.report.results.rows import Compared, compare
from moe_search.report.results.summary import Summary, summarize
from moe_search.report.results.trials import Point, points
from moe_search.search.ranking import CHAMPION
from moe_search.search.study_store import MADE, SECONDS
from moe_search.spec import Study

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
