"""Slices: the objective of each trial against each searched value."""

from collections.abc import Mapping, Sequence
from typing import Any

from moe_search.report.charts.canvas import BLUE, canvas, short
from moe_search.report.charts.scales import scale_of
from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.report.results.trials import TrialPoint, complete, ranked
from moe_search.report.text.search import short_paths
from moe_search.spec import Domain

_MOST = 500  # trials, whose marks keep the page small
_PANELS = 6  # beside each other
_LETTERS = 24  # that have room below a panel
_LOOK: dict[str, Any] = {"ms": 5, "mfc": "none", "mec": BLUE}


def pictures(report: Report) -> list[Picture]:
    """The values that mattered most of a search with at least two complete trials."""
    study = report.study
    points = ranked(complete(report.points), study.objective.directions[0])[:_MOST]
    if not study.parameters or len(points) < 2:
        return []
    domains = {parameter.path: parameter.domain for parameter in study.parameters}
    if report.importances:
        (shares, *_) = report.importances.shares.values()
        domains = {path: domains[path] for path in shares if path in domains}
    shown = dict(list(domains.items())[:_PANELS])
    objective = study.objective.names[0]
    alt = f"The {objective} of the best {len(points)} trials against their {', '.join(shown)}."
    image = draw(points, shown, objective)
    return [Picture(f"{study.name}-slices", alt, image, fine=True, live=True)]


def draw(points: Sequence[TrialPoint], domains: Mapping[str, Domain], objective: str) -> bytes:
    """SVG with a panel for each value, of complete trials; those without it are left out."""
    names = short_paths(list(domains))
    with canvas(height=2.6, width=1.2 + 1.9 * len(domains), columns=len(domains)) as drawn:
        for axis, name, path in zip(drawn.axes, names, domains, strict=True):
            scale = scale_of(domains[path])
            having = [point for point in complete(points) if path in point.parameters]
            places = [scale.place(point.parameters[path]) for point in having]
            values = [point.value for point in having if point.value is not None]
            marks = axis.plot(places, values, "o", **_LOOK)
            drawn.name_trials(marks[0], [point.trial for point in having])
            shares, texts = zip(*scale.ticks, strict=True)
            crowded = sum(map(len, texts)) > _LETTERS
            axis.set_xticks(shares, texts, rotation=20 if crowded else 0)
            axis.set_xlim(-0.15, 1.15)
            axis.set_xlabel(short(name, 20))
        drawn.axes[0].set_ylabel(f"{objective} on validation")
    return drawn.svg
