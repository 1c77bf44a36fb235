"""The sections of a search's page."""

from collections.abc import Sequence

from mlflow import MlflowClient

from moe_search.errors import UserError
from moe_search.report.charts.atlas import ON_THE_ATLAS, atlas_of, best_runs
from moe_search.report.charts.front import front_chart
from moe_search.report.charts.history import history_chart
from moe_search.report.charts.importances import importances_chart
from moe_search.report.charts.intervals import intervals_chart
from moe_search.report.pages.classes import classes_section
from moe_search.report.pages.page import Facts, PageSection, Part, Picture
from moe_search.report.results.importances import FEWEST, Importances
from moe_search.report.results.summary import Judged, Summary
from moe_search.report.results.trials import Mark, Point, complete, front, marks
from moe_search.report.text.asked import space_table, study_facts
from moe_search.report.text.search import (
    best_table,
    finalists_table,
    importances_table,
    references_table,
)
from moe_search.search.objective import directions, metric_names
from moe_search.spec import Study


def search_sections(
    study: Study,
    summary: Summary,
    importances: Importances,
    points: Sequence[Point],
    champion: str | None,
    client: MlflowClient,
) -> list[PageSection]:
    """What was asked, what was found and how, as far as the study has come.

    Args:
        study: what was asked for.
        summary, importances, points: what is known of it.
        champion: the run of the champion's model.
        client: of the study's MLflow store.

    Raises:
        UserError: a run lacks the table that the atlas shows.
    """
    space = (space_table(study),) if study.parameters else ()
    asked = PageSection("What was asked", "", (Facts(tuple(study_facts(study))), *space))
    if not summary.best:
        return [asked]
    sections = [asked, _found(study, summary, points), _way(study, points, marks(summary))]
    if study.parameters:
        sections.append(_mattered(study, importances))
    sections.append(_atlas(study, summary, points, client))
    if champion is not None:
        sections.append(_classes(client, study.name, champion))
    return sections


def _found(study: Study, summary: Summary, points: Sequence[Point]) -> PageSection:
    names = {point.trial: point.name for point in points}
    parts: list[Part] = []
    if summary.finalists:
        parts.append(finalists_table(summary.finalists))
        if summary.references:
            parts.append(references_table(summary))
        entries = [
            (f"{'champion, ' if one.champion else ''}trial {one.trial}", one.test["error"])
            for one in summary.finalists
        ]
        if summary.finalists[0].seeds > 1:
            parts.append(
                Picture(
                    f"{study.name}-finalists",
                    "Test error of each finalist with standard deviation and 95 % interval; the "
                    "table of finalists has the numbers.",
                    intervals_chart(entries, "test error: mean, ± SD (thick), 95 % (thin)"),
                )
            )
    parts.append(best_table(summary.best))
    champion = next((one for one in summary.finalists if one.champion), None)
    text = champion_text(champion, names) if champion else "No champion was chosen yet."
    return PageSection("What was found", text, tuple(parts))


def champion_text(champion: Judged, names: dict[int, str]) -> str:
    """Which configuration won, with what test error, in a sentence or two.

    Args:
        champion: the finalist that was chosen.
        names: of each trial's network, in a few words.
    """
    error = champion.test["error"]
    over = (
        f" ± {error.deviation:.2%} over {champion.seeds} fresh seeds (95 % interval "
        f"{max(error.low, 0):.2%} to {error.high:.2%})"
        if champion.seeds > 1
        else " from one fresh seed"
    )
    return (
        f"The champion is the configuration of trial {champion.trial}, "
        f"{names[champion.trial]}: test error {error.mean:.2%}{over}. It was chosen by its "
        "validation results; the test split was read for the finalists alone."
    )


def _way(study: Study, points: Sequence[Point], marks: Sequence[Mark]) -> PageSection:
    objective, better = metric_names(study)[0], directions(study)[0]
    values = [(point.value, point.trial) for point in points if point.value is not None]
    best, trial = max(values) if better == "maximize" else min(values)
    on_front = ", ".join(
        f"trial {point.trial} ({point.sample_entropy:.3f} bits, {point.accuracy:.4f})"
        for point in front(complete(points))
    )
    history = Picture(
        f"{study.name}-history",
        f"The {objective} of each trial and the best so far, which ends at {best:.4f}, reached by "
        f"trial {trial}; {len(points) - len(values)} trials were pruned.",
        history_chart(points, objective, better),
    )
    chart = Picture(
        f"{study.name}-front",
        f"Accuracy against sample entropy on validation. On the front are: {on_front}.",
        front_chart(points, marks),
    )
    text = (
        "First, trial after trial. Then the trade between accuracy and a decided gate: no trial "
        "beats one on the front in both; the numbers beside marks are those of trials."
    )
    return PageSection("History and front", text, (history, chart))


def _mattered(study: Study, importances: Importances) -> PageSection:
    if not importances:
        text = f"Importances of the searched values need {FEWEST} complete trials."
        return PageSection("What mattered", text, ())
    chart = Picture(
        f"{study.name}-importances",
        "Bars of the importance of each searched value; the table has the numbers.",
        importances_chart(importances),
    )
    text = "How much each searched value decides whether a trial is among the best tenth."
    return PageSection("What mattered", text, (chart, importances_table(importances)))


def _atlas(
    study: Study, summary: Summary, points: Sequence[Point], client: MlflowClient
) -> PageSection:
    names = {point.trial: point.name for point in points}
    shown = summary.best[:ON_THE_ATLAS]
    picture = Picture(
        f"{study.name}-atlas",
        "Class-by-expert heat maps of trials "
        + ", ".join(f"{best.trial} ({names[best.trial]})" for best in shown),
        atlas_of(client, best_runs(shown, points)),
        "png",
        fine=True,
    )
    text = (
        "How the best trials divide the classes: class down, expert across, share of the class by "
        "the gate's probabilities on validation. A bright cell alone in its row is a class that "
        "has an expert of its own; a row without one is shared out."
    )
    return PageSection("Decomposition atlas", text, (picture,))


def _classes(client: MlflowClient, name: str, champion: str) -> PageSection:
    try:
        return classes_section(client, name, champion)
    except UserError as error:
        return PageSection("Class by class", f"This cannot be shown: {error}.", ())
