"""Every trial of a search, as a table."""

import math
from collections.abc import Sequence

from moe_search.report.results.trials import TrialPoint
from moe_search.report.text.search import short_paths
from moe_search.report.text.table import Table, value_text
from moe_search.spec import METRICS
from moe_search.spec.kinds.metrics import HEADLINE


def trials_table(
    points: Sequence[TrialPoint], objectives: Sequence[str], paths: Sequence[str]
) -> Table:
    """Each trial with how it ended, what it reached on validation, and its searched values.

    Args:
        points: in the order of the rows.
        objectives: by name; a weighted sum, or metrics.
        paths: of the searched values.
    """
    shown = [name for name in objectives if name not in HEADLINE]
    names = dict(zip(paths, short_paths(list(paths)), strict=True))

    def value(point: TrialPoint, name: str) -> str:
        if name in METRICS:
            return METRICS[name].text(point.metrics[name])
        return "-" if point.value is None else f"{point.value:.4f}"

    return Table(
        "Every trial (validation; entropies in bits)",
        (
            *("trial", "state", *shown, *(METRICS[name].symbol for name in HEADLINE)),
            *(names[path] for path in paths),
            "seconds",
        ),
        tuple(
            (
                str(point.trial),
                "pruned" if point.value is None else "complete",
                *(value(point, name) for name in (*shown, *HEADLINE)),
                *(value_text(point.parameters.get(path)) for path in paths),
                "-" if math.isnan(point.seconds) else f"{point.seconds:.3g}",
            )
            for point in points
        ),
        frozenset({"state"})
        | {
            names[path]
            for path in paths
            if any(isinstance(point.parameters.get(path), str) for point in points)
        },
    )
