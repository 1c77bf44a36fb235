"""The champion class by class on the test split: who serves a class, where its errors come from.

Shape suffixes: C true class, K predicted class, M expert.
"""

from dataclasses import dataclass

from mlflow import MlflowClient

from moe_search.moe.decomposition import error_parts
from moe_search.tracking.decomposition.read import read_classes, read_confusions


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
