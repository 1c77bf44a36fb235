"""The figures of a trial: a file each, and the table that names them."""

from collections.abc import Callable
from dataclasses import dataclass

from moe_search.tracking.decomposition.figures import (
    class_by_expert,
    expert_confusion,
    usage_per_epoch,
)
from moe_search.tracking.decomposition.model_view import ModelView


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        file: its name under ``decomposition/``.
        draw: PNG of a trained model.
        on_page: whether it also stands on the trial's page in Optuna's dashboard.
    """

    file: str
    draw: Callable[[ModelView], bytes]
    on_page: bool = False


FIGURES = (
    Figure("class_by_expert.png", class_by_expert.draw, on_page=True),
    Figure("usage_per_epoch.png", usage_per_epoch.draw, on_page=True),
    Figure("expert_confusion.png", expert_confusion.draw),
)
