"""The champion class by class, as a section of a page."""

import numpy as np
from mlflow import MlflowClient

from moe_search.report.charts.errors import parts_chart
from moe_search.report.pages.page import PageSection, Picture
from moe_search.report.results.classes import ClassView, view_classes
from moe_search.report.text.table import Table
from moe_search.tracking.decomposition.read import read_file

_MOST_BARS = 20


_MEANING = (
    "An error of a class has two parts that add up to it. The experts' part remains if every "
    "sample of the class goes to the expert that knows the class best: no gate could avoid it by "
    "telling the classes apart. The gate's part is the rest. It is negative where the model, "
    "choosing or mixing experts sample by sample, does better than that expert alone."
)


def classes_section(client: MlflowClient, name: str, run_id: str) -> PageSection:
    """The section of a study's page.

    Args:
        client: of the study's MLflow store.
        name: of the study.
        run_id: of the champion's run.

    Raises:
        UserError: the run does not have its tables.
    """
    views = view_classes(client, run_id)
    worst = sorted(views, key=lambda view: -view.error)[:_MOST_BARS]
    chart = parts_chart(
        [view.name for view in worst],
        [view.experts_part for view in worst],
        [view.gate_part for view in worst],
    )
    samples_C = np.array([view.samples for view in views])

    def share(part: str) -> str:
        return f"{np.average([getattr(v, part) for v in views], weights=samples_C):.2%}"

    summary = (
        f"Of this model's test error of {share('error')}, {share('experts_part')} is the experts' "
        f"part and {share('gate_part')} the gate's."
    )
    most = f"{worst[0].name} ({worst[0].error:.1%})"
    return PageSection(
        "Class by class",
        f"{summary} {_MEANING}",
        (
            Picture(
                f"{name}-champion",
                "Heat maps, class down and expert across: the share of each class that each "
                "expert of the champion gets, by its most probable expert and by the gate's "
                "probabilities. The table below has the numbers.",
                read_file(client, run_id, "class_by_expert.png"),
                "png",
            ),
            Picture(
                f"{name}-errors",
                "Bars of each class's error, the experts' part and the gate's, worst class "
                f"first: {most}. The table below has the numbers.",
                chart,
            ),
            _table(views),
        ),
    )


def _table(views: list[ClassView]) -> Table:
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
            for view in views
        ),
        frozenset({"class", "served by", "knows it best"}),
    )
