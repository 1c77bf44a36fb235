"""The champion class by class, as a table."""

from collections.abc import Sequence

from moe_search.report.results.classes import ClassView
from moe_search.report.text.table import Table


def classes_table(classes: Sequence[ClassView]) -> Table:
    """Who serves each class, its error in two parts, and who would know it best."""
    return Table(
        "The champion on the test split; experts are counted from 0",
        ("class", "samples", "served by", "error", "experts' part", "gate's part", "knows it best"),
        tuple(
            (
                view.name,
                str(view.samples),
                f"expert {view.expert} ({view.served:.0%})",
                f"{view.error:.2%}",
                f"{view.experts_part:.2%}",
                f"{view.gate_part:.2%}",
                f"expert {view.knows}",
            )
            for view in classes
        ),
        frozenset({"class", "served by", "knows it best"}),
    )
