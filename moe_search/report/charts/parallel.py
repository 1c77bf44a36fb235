"""Parallel coordinates: every trial as a line through its searched values to its objective.

Written as an SVG of its own. Plotly's needs a script of 4.7 MB and WebGL, cannot be printed, and
does not tell which trial a line is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from moe_search.report.charts.canvas import BLUE, INK, PAPER, SOFT, short, themed
from moe_search.report.charts.scales import Scale, range_scale, scale_of
from moe_search.report.page import Picture
from moe_search.report.results.study import Report
from moe_search.report.results.trials import TrialPoint, complete, ranked
from moe_search.report.text.search import short_paths
from moe_search.spec import Domain, Value

_MOST = 500  # lines: more are a grey mass, and a large file
_BEST = 5
_WIDTH, _LEFT, _RIGHT = 1200, 90, 60
_TOP, _BOTTOM, _HEIGHT = 40, 320, 352
_NONE = _BOTTOM + 20  # below an axis: where a value has no meaning in a trial
_FAINTEST = 0.15


@dataclass(frozen=True)
class Axis:
    """One vertical axis.

    Attributes:
        x: where it stands.
        ticks: heights with what they stand for.
        place: the height of a value; None is a value without a meaning, below the axis.
    """

    name: str
    x: int
    ticks: list[tuple[float, str]]
    place: Callable[[Value | None], float]


@dataclass(frozen=True)
class Line:
    """One trial.

    Attributes:
        at: its height on each axis.
        look: one of ``best``, ``complete`` and ``pruned``.
        strength: of its colour, the better the stronger; None of a pruned trial.
    """

    trial: int
    at: tuple[str, ...]
    path: str
    look: str
    strength: float | None


def pictures(report: Report) -> list[Picture]:
    """The trials of a search with at least two complete ones and something searched."""
    study = report.study
    if not study.parameters or len(complete(report.points)) < 2:
        return []
    objective, better = study.objective.names[0], study.objective.directions[0]
    shown = ranked(report.points, better)[:_MOST]
    domains = {parameter.path: parameter.domain for parameter in study.parameters}
    alt = (
        f"Parallel coordinates of {len(shown)} trials: a line leads through each trial's searched "
        f"values to its {objective}; the best {_BEST} stand out. The table below has the numbers."
    )
    image = draw(shown, domains, objective)
    return [Picture(f"{study.name}-parallel", alt, image, fine=True, live=True)]


def draw(points: Sequence[TrialPoint], domains: Mapping[str, Domain], objective: str) -> bytes:
    """SVG of trials, best first, of which at least one is complete."""
    axes = _axes(points, domains, objective)
    ended = len(complete(points))
    lines = []
    for place, point in enumerate(points):
        pruned = point.value is None
        values = [*(point.parameters.get(path) for path in domains), point.value]
        at = [axis.place(value) for axis, value in zip(axes, values, strict=True)]
        lines.append(
            Line(
                trial=point.trial,
                at=tuple(f"{y:.1f}" for y in at),
                path=_path([axis.x for axis in axes], at),
                look="pruned" if pruned else "best" if place < _BEST else "complete",
                strength=None if pruned else round(max(1 - place / ended, _FAINTEST), 2),
            )
        )
    svg = _template().render(
        axes=axes,
        lines=lines[::-1],  # the best are drawn last, above the others
        ink=INK,
        soft=SOFT,
        paper=PAPER,
        blue=BLUE,
        top=_TOP,
        bottom=_BOTTOM,
        width=_WIDTH,
        height=_HEIGHT,
    )
    return themed(svg)


def _axes(
    points: Sequence[TrialPoint], domains: Mapping[str, Domain], objective: str
) -> list[Axis]:
    """One a searched value, and the objective's."""
    step = (_WIDTH - _LEFT - _RIGHT) / len(domains)
    axes = []
    for number, (path, name) in enumerate(zip(domains, short_paths(list(domains)), strict=True)):
        absent = any(path not in point.parameters for point in points)
        x = round(_LEFT + step * number)
        axes.append(
            _axis(short(name, int(step / 8)), x, scale_of(domains[path]), "-" if absent else "")
        )
    values = [point.value for point in points if point.value is not None]
    pruned = "pruned" if len(values) < len(points) else ""
    scale = range_scale(min(values), max(values), form=".4f")
    return [*axes, _axis(objective, _WIDTH - _RIGHT, scale, pruned)]


def _axis(name: str, x: int, scale: Scale, absent: str) -> Axis:
    """An axis; what stands below it for trials without a value is named where there are any."""

    def height(share: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * share

    ticks = [(height(share), text) for share, text in scale.ticks]
    ticks += [(_NONE, absent)] if absent else []
    return Axis(name, x, ticks, lambda v: _NONE if v is None else height(scale.place(v)))


def _path(xs: Sequence[int], ys: Sequence[float]) -> str:
    """A smooth line: where many meet in one value of an axis, they can be told apart beside it."""
    path = f"M{xs[0]} {ys[0]:.1f}"
    for before, x, y0, y in zip(xs, xs[1:], ys, ys[1:], strict=False):
        middle = (before + x) // 2
        path += f"C{middle} {y0:.1f} {middle} {y:.1f} {x} {y:.1f}"
    return path


def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(Path(__file__).with_name("parallel.svg").read_text("utf-8"))
