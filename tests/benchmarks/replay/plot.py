"""The picture of search.py: what a champion lacks, by cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

MARKS = "os^Dv"


class Curve(NamedTuple):
    """A policy's mean gaps by cost, and half of their 95 % intervals; times 1000."""

    gaps: list[float]
    halves: list[float]


def draw_panels(
    path: Path, panels: Mapping[str, Mapping[str, Curve]], costs: Sequence[float]
) -> None:
    """A panel for each table, with version 0.1's default and the best of each search.

    Args:
        path: of the picture.
        panels: curves by policy, the first of them version 0.1's, by table.
        costs: in whole trainings.
    """
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.4), squeeze=False)
    for panel, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for mark, policy in zip(MARKS, _shown(curves), strict=False):
            gaps, halves = curves[policy]
            panel.errorbar(costs, gaps, halves, marker=mark, capsize=2, label=policy)
        panel.set_title(name)
        panel.set_xlabel("cost, whole trainings")
        panel.set_ylim(bottom=0)
        panel.legend(fontsize=6.5)
    axes[0, 0].set_ylabel("the champion's gap to the best, x 1000")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _shown(curves: Mapping[str, Curve]) -> list[str]:
    """Version 0.1's, and the best at the end of each of the three kinds of search."""
    today, *others = curves
    shown = [today]
    for kind in ("random", "tpe", "noisy-gp"):
        some = [policy for policy in others if policy.startswith(kind)]
        if some:
            shown.append(min(some, key=lambda policy: curves[policy].gaps[-1]))
    return shown
