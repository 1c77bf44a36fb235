"""Charts as SVG in the colours of the page: they turn dark where the page does.

Blue and yellow, like the ends of the heat maps' colour map, differ to all kinds of sight; marks
differ in shape, too.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, PAPER = "#1a1d22", "#5d6571", "#d5dae1", "#fffffe"
BLUE, YELLOW = "#00508e", "#a07a01"
_DARK = {
    INK: "#e6e9ec",
    SOFT: "#a3acb6",
    LINE: "#3a4149",
    PAPER: "#15181c",
    BLUE: "#6cb4f5",
    YELLOW: "#e0bd4a",
}
WIDTH = 4.9  # inches; letters of 9 points stay readable on a phone, which shows it about as wide

_NONE = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,  # a name of the user's is no formula
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "moe-search",
}


@dataclass
class Canvas:
    """A figure with its axes, and once it is left its SVG."""

    figure: "Figure"
    axes: list["Axes"]
    svg: bytes = b""
    _named: list[tuple[int, ...]] = field(default_factory=list)

    def name_trials(self, artist: "Artist", trials: Sequence[int]) -> None:
        """Say whose marks an artist has: one a trial, or all those of one trial."""
        artist.set_gid(f"trials-{len(self._named)}")
        self._named.append(tuple(trials))


@contextmanager
def canvas(
    height: float, width: float = WIDTH, columns: int = 1, sharey: bool = True
) -> Iterator[Canvas]:
    """Axes beside each other, to draw on; sizes in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # letters that are not in its font: it does no more than measure them, a browser draws them
        warnings.filterwarnings("ignore", r"(?s)Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        grid = figure.subplots(1, columns, sharey=sharey, squeeze=False)
        drawn = Canvas(figure, list(grid[0]))
        yield drawn
        data = io.BytesIO()
        figure.savefig(data, format="svg", transparent=True, metadata=_NONE)
    drawn.svg = themed(_with_trials(_short(data.getvalue().decode()), drawn._named))


_PLACES = re.compile(r'(?<= )(x|y|d|transform)="([^"]*)"')
_LONG = re.compile(r"\d+\.\d{3,}")
_MARKS = re.compile(r'<g clip-path="([^"]*)">((?:\s*<use [^>]*/>)+)\s*</g>')
_STYLE = re.compile(r' style="[^"]*"')


def _short(svg: str) -> str:
    """The same picture in half as many bytes: places to a hundredth of a point, one style a line.

    Matplotlib writes places with six decimals and every mark's style anew.
    """

    def rounded(place: re.Match[str]) -> str:
        numbers = _LONG.sub(lambda number: f"{float(number[0]):.2f}", place[2])
        return f'{place[1]}="{numbers}"'

    def one_style(marks: re.Match[str]) -> str:
        styles = set(_STYLE.findall(marks[2]))
        if len(styles) != 1:
            return marks[0]
        return f'<g clip-path="{marks[1]}"{styles.pop()}>{_STYLE.sub("", marks[2])}</g>'

    return _MARKS.sub(one_style, _PLACES.sub(rounded, svg))


def _with_trials(svg: str, named: Sequence[tuple[int, ...]]) -> str:
    """Marks say in ``data-trial`` whose they are; groups lose their ids, alike in all charts."""
    for number, trials in enumerate(named):
        head, group, marks = svg.partition(f'<g id="trials-{number}">')
        if len(trials) == 1:
            svg = f'{head}<g data-trial="{trials[0]}">{marks}'
            continue
        for trial in trials:
            before, use, marks = marks.partition("<use ")
            head, group = head + group + before, f'{use}data-trial="{trial}" '
        svg = head + group + marks
    return re.sub(r'<g id="[^"]*"', "<g", svg)


def themed(svg: str) -> bytes:
    """An SVG in the colours of this module, which turn dark where its page does."""
    names = {light: f"--c{number}" for number, light in enumerate(_DARK)}
    for light, name in names.items():
        svg = svg.replace(light, f"var({name}, {light})")
    light = "".join(f"{name}: {colour};" for colour, name in names.items())
    dark = "".join(f"{name}: {_DARK[colour]};" for colour, name in names.items())
    style = (
        f"<style>:root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) "
        f"{{ :root {{ {dark} }} }}\ntext {{ font-family: system-ui, sans-serif !important; }}"
        "</style>"
    )
    begin = svg.index("<svg")
    inside = svg.index(">", begin) + 1
    return f"{svg[begin:inside]}\n{style}{svg[inside:]}".encode()


_LONGEST = 30  # letters of a name at the side of a chart


def short(name: str, longest: int = _LONGEST) -> str:
    """A name that leaves room for the chart."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
