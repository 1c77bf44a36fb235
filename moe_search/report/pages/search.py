"""The page of a search: its sections, in order, and what stands in each."""

import numpy as np

from moe_search.report.charts import (
    atlas,
    champion,
    curves,
    errors,
    front,
    history,
    importances,
    intervals,
    parallel,
    race,
    slices,
)
from moe_search.report.page import Facts, Part, Trials
from moe_search.report.pages.sections import SectionKind
from moe_search.report.results.importances import TOO_FEW
from moe_search.report.results.study import Report
from moe_search.report.results.trials import complete, ranked
from moe_search.report.text.asked import space_table, study_facts
from moe_search.report.text.classes import classes_table
from moe_search.report.text.data import data_facts
from moe_search.report.text.race import finals_race_table, finals_raced, race_table, race_words
from moe_search.report.text.search import (
    best_table,
    champion_text,
    finalists_table,
    importances_table,
    references_table,
)
from moe_search.report.text.trials import trials_table

_MOST = 1000  # trials whose rows keep the page small


def _asked(report: Report) -> list[Part]:
    space = [space_table(report.study)] if report.study.parameters else []
    return [Facts((*study_facts(report.study), *data_facts(report))), *space]


def _finalists(report: Report) -> list[Part]:
    summary = report.summary
    if not summary.finalists:
        return []
    references = [references_table(summary)] if summary.references else []
    return [finalists_table(summary.finalists, summary.retrained), *references]


def _best(report: Report) -> list[Part]:
    summary = report.summary
    return [best_table(summary.best, strong=not summary.finalists)] if summary.best else []


def _trials(report: Report) -> list[Part]:
    if not complete(report.points):
        return []
    objective = report.study.objective
    points = ranked(report.points, objective.directions[0])[:_MOST]
    paths = [parameter.path for parameter in report.study.parameters]
    return [Trials(trials_table(points, objective.names, paths))]


def _trials_text(report: Report) -> str:
    count = len(report.points)
    if not complete(report.points):
        return ""
    shown = f" Of {count} trials the best {_MOST} are shown." if count > _MOST else ""
    return f"{_TRIALS}{shown}"


def _importances(report: Report) -> list[Part]:
    return [importances_table(report.importances)] if report.importances else []


def _classes(report: Report) -> list[Part]:
    return [classes_table(report.classes)] if report.classes else []


def _found_text(report: Report) -> str:
    if not report.summary.best:
        return ""
    if report.summary.champion_result is None:
        return "No champion was chosen yet."
    return champion_text(report.summary)


def _race(report: Report) -> list[Part]:
    racers = report.decisions.racers
    finals = [finals_race_table(report.summary.finalists)] if finals_raced(report) else []
    return [*([race_table(racers)] if racers else []), *finals]


def _way_text(report: Report) -> str:
    if not complete(report.points):
        return ""
    believed = [_BELIEVED] if report.decisions.incumbents else []
    return " ".join([_WAY, *believed, *([_FRESH] if report.fresh else []), _FRONT])


def _mattered_text(report: Report) -> str:
    if report.importances:
        return (
            "How much each searched value decides whether a trial is among the best "
            f"{report.importances.best} of {report.importances.trials}; pruned trials rank behind "
            "complete ones. A value that never varied has importance 0."
        )
    if report.study.parameters and report.summary.best:
        return TOO_FEW
    return ""


def _classes_text(report: Report) -> str:
    if not report.classes:
        return ""
    samples_C = np.array([view.samples for view in report.classes])

    def share(part: str) -> str:
        parts_C = [getattr(view, part) for view in report.classes]
        return f"{np.average(parts_C, weights=samples_C):.2%}"

    return (
        f"Of this model's test error of {share('error')}, {share('experts_part')} is the experts' "
        f"part and {share('gate_part')} the gate's. {_PARTS}"
    )


_TRIALS = (
    "A line is a trial, the darker the better, and thick for the best; dashed ones were pruned. "
    "Point at a line, a mark or a row, and the same trial shows in all charts of this page. A "
    "range dragged along an axis, or a filter over the table, leaves the others out."
)
_CURVES = "The best trials after each epoch, means over their seeds; the best one stands out."
_WAY = (
    "First, trial after trial: each value as it was observed, and the best so far, which is in "
    "part the luckiest."
)
_BELIEVED = (
    "The dashed line is what was believed of the incumbent, the best configuration by all trials "
    "up to there together; its band is one standard deviation to each side."
)
_FRESH = (
    "At the right stands the champion over fresh seeds, with the 95 % interval of their mean where "
    "there are three: what the best so far lies above it is luck, as far as that interval tells."
)
_FRONT = (
    "Then the trade between accuracy and a decided gate: no trial beats one on the front in both; "
    "the numbers beside marks are those of trials."
)
_ATLAS = (
    "How the best trials divide the classes: class down, expert across, share of the class by the "
    "gate's probabilities on validation. A bright cell alone in its row is a class that has an "
    "expert of its own; a row without one is shared out."
)
_PARTS = (
    "An error of a class has two parts that add up to it. The experts' part remains if every "
    "sample of the class goes to the expert that knows the class best: no gate could avoid it by "
    "telling the classes apart. The gate's part is the rest. It is negative where the model, "
    "choosing or mixing experts sample by sample, does better than that expert alone."
)

SEARCH = (
    SectionKind("What was asked", "", (_asked,)),
    SectionKind("What was found", _found_text, (_finalists, intervals.of_finalists, _best)),
    SectionKind("Every trial", _trials_text, (parallel.pictures, _trials)),
    SectionKind("History and front", _way_text, (history.pictures, front.pictures)),
    SectionKind("The race", race_words, (race.pictures, _race)),
    SectionKind("Learning curves", _CURVES, (curves.pictures,)),
    SectionKind(
        "What mattered", _mattered_text, (importances.pictures, _importances, slices.pictures)
    ),
    SectionKind("Decomposition atlas", _ATLAS, (atlas.of_best_trials,)),
    SectionKind("Class by class", _classes_text, (champion.pictures, errors.pictures, _classes)),
)
"""All but how to do it again, which every page ends with."""
