"""What each expert knows on its own, whether it is chosen or not.

Shape suffixes: C true class, K predicted class, M expert.
"""

import numpy as np

from moe_search.tracking.decomposition.drawing import Panel, heat_maps, row_shares
from moe_search.tracking.decomposition.model_view import ModelView


def draw(model: ModelView) -> bytes:
    """PNG of each expert's confusion on all samples: true class down, predicted class across.

    A map is titled by its expert's index and accuracy on all samples; then, for an expert that
    is chosen for any sample, by its recall of each class averaged over the samples it is chosen
    for (which of them it gets right is not in the tables).
    """
    panels = []
    for m, confusion_CK in enumerate(model.decomposition.confusion_MCK):
        share_CK = row_shares(confusion_CK)
        own_C = model.decomposition.hard_CM[:, m]
        title_parts = [f"{m}", f": {confusion_CK.trace() / confusion_CK.sum():.0%}"]
        if own_C.any():
            recall = np.average(np.nan_to_num(share_CK.diagonal()), weights=own_C)
            title_parts.append(f", own {recall:.0%}")
        panels.append(Panel(tuple(title_parts), share_CK))
    caption = "true × predicted class; accuracy on all, own share"
    return heat_maps(model.title, panels, model.classes, caption)
