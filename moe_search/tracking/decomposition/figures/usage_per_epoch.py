"""How much each expert is used as training goes on."""

from moe_search.tracking.decomposition.drawing import stacked_shares
from moe_search.tracking.decomposition.model_view import ModelView


def draw(model: ModelView) -> bytes:
    """PNG of the expert usage after each epoch, stacked, beside the uniform usage."""
    return stacked_shares(model.title, model.usage_EM, "expert usage after each epoch")
