"""How each class is divided among the experts. Shape suffixes: C class, M expert."""

from collections.abc import Sequence

from moe_search.moe.decomposition import Table
from moe_search.tracking.decomposition.drawing import Panel, heat_maps, row_shares
from moe_search.tracking.decomposition.model_view import ModelView


def draw(model: ModelView) -> bytes:
    """PNG of a model."""
    tables = model.decomposition
    return draw_tables(tables.hard_CM, tables.soft_CM, model.classes, model.title)


def draw_tables(hard_CM: Table, soft_CM: Table, classes: Sequence[str], title: str) -> bytes:
    """PNG of two heat maps, class down and expert across.

    Args:
        hard_CM: samples of each class by their most probable expert.
        soft_CM: the gate's probabilities, added up over the samples of each class.
        classes: their names.
        title: one short line.
    """
    panels = [Panel(("hard",), row_shares(hard_CM)), Panel(("soft",), row_shares(soft_CM))]
    caption = "class × expert, share of the class"
    return heat_maps(title, panels, classes, caption, number_columns=True)
