"""The champion class by class on the test split: who serves a class, where its errors come from.

Shape suffixes: C true class, K predicted class, M expert.
"""

from dataclasses import dataclass

import numpy as np
from mlflow import MlflowClient

from moe_search.moe.decomposition import error_parts
from moe_search.report.charts import parts_chart
from moe_search.report.page import Picture, Section
from moe_search.report.table import Table
from moe_search.tracking.reading import read_classes, read_confusions, read_file

_MOST_BARS = 20

_MEANING = (
    "An error of a class has two parts that add up to it. The experts' part remains if every "
    "sample of the class goes to the expert that knows the class best: no gate could avoid it by "
    "telling the classes apart. The gate's part is the rest. It is negative where the model, "
    "choosing or mixing experts sample by sample, does better than that expert alone."
)


@dataclass(frozen=True)
class ClassView:
    """One class.

    Attributes:
        samples: of the class in the test split, at least one.
        expert: the most probable expert of most of its samples.
        served: the share of its samples for which that is so.
        knows: the expert that classifies most of its samples rightly.
        experts_part, gate_part: of its error, see ``moe.decomposition.error_parts``.
    """

    name: str
    samples: int
    expert: int
    served: float
    knows: int
    experts_part: float
    gate_part: float

    @property
    def error(self) -> float:
        """The model's, as a share of the class."""
        return self.experts_part + self.gate_part


def view_classes(client: MlflowClient, run_id: str) -> list[ClassView]:
    """Every class that has samples, from the tables of a run on the test split.

    Raises:
        UserError: the run does not have its tables.
    """
    model = read_classes(client, run_id, "model_confusion.csv")
    hard_CM = read_classes(client, run_id, "class_by_expert_hard.csv").table_CN
    confusion_MCK = read_confusions(client, run_id)
    experts_C, gate_C = error_parts(confusion_MCK, model.table_CN)
    right_MC = confusion_MCK.diagonal(axis1=1, axis2=2)
    return [
        ClassView(
            name=name,
            samples=int(hard_CM[c].sum()),
            expert=int(hard_CM[c].argmax()),
            served=float(hard_CM[c].max() / hard_CM[c].sum()),
            knows=int(right_MC[:, c].argmax()),
            experts_part=float(experts_C[c]),
            gate_part=float(gate_C[c]),
        )
        for c, name in enumerate(model.classes)
        if hard_CM[c].any()
    ]


def classes_section(client: MlflowClient, name: str, run_id: str) -> Section:
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
    return Section(
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
