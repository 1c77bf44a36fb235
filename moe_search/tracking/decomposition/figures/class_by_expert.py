"""How each class is divided among the experts."""

from moe_search.tracking.decomposition.drawing import Panel, heat_maps, row_shares
from moe_search.tracking.decomposition.model_view import ModelView


def draw(model: ModelView) -> bytes:
    """PNG of two heat maps, class down and expert across.

    Hard counts the most probable expert of each sample, soft adds up the gate's probabilities.
    """
    panels = [
        Panel(("hard",), row_shares(model.decomposition.hard_CM)),
        Panel(("soft",), row_shares(model.decomposition.soft_CM)),
    ]
    caption = "class × expert, share of the class"
    return heat_maps(model.title, panels, model.classes, caption, number_columns=True)
