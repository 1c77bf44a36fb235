"""Pictures of how the experts of a trial divide the classes among them, as PNG bytes.

Shape suffixes: E epoch, C true class, K predicted class, M expert; R row and N column of a table.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from moe_search.moe.decomposition import Decomposition, Table
from moe_search.tracking.decomposition.drawing import Panel, beside, heat_maps, stacked_shares

Values = npt.NDArray[np.float32]


def class_by_expert(decomposition: Decomposition, classes: Sequence[str], title: str) -> bytes:
    """How each class is divided among the experts.

    Hard counts the most probable expert of each sample, soft adds up the gate's probabilities.
    """
    panels = [
        Panel(("hard",), _row_shares(decomposition.hard_CM)),
        Panel(("soft",), _row_shares(decomposition.soft_CM)),
    ]
    return heat_maps(
        title, panels, classes, "class × expert, share of the class", number_columns=True
    )


def usage_per_epoch(usage_EM: Table, title: str) -> bytes:
    """Expert usage after each of one or more epochs, stacked, beside the uniform usage."""
    return stacked_shares(title, usage_EM, "expert usage after each epoch")


def expert_confusions(decomposition: Decomposition, classes: Sequence[str], title: str) -> bytes:
    """Each expert's own confusion on all samples: true class down, predicted class across.

    A map is titled by its expert's index and accuracy on all samples; then, for an expert that
    is chosen for any sample, by its recall of each class averaged over the samples it is chosen
    for (which of them it gets right is not in the tables).
    """
    panels = []
    for m, confusion_CK in enumerate(decomposition.confusion_MCK):
        share_CK = _row_shares(confusion_CK)
        own_C = decomposition.hard_CM[:, m]
        title_parts = [f"{m}", f": {confusion_CK.trace() / confusion_CK.sum():.0%}"]
        if own_C.any():
            own = np.average(np.nan_to_num(share_CK.diagonal()), weights=own_C)
            title_parts.append(f", own {own:.0%}")
        panels.append(Panel(tuple(title_parts), share_CK))
    return heat_maps(title, panels, classes, "true × predicted class; accuracy on all, own share")


def atlas(entries: Sequence[tuple[str, Table]], classes: Sequence[str]) -> bytes:
    """The class-by-expert tables of one to twelve models, each under its name."""
    panels = [Panel((name,), _row_shares(table_CM)) for name, table_CM in entries]
    return heat_maps(
        "Classes by expert",
        panels,
        classes,
        "class × expert, share of the class",
        number_columns=True,
    )


def explained(
    samples: Sequence[tuple[str, Values, Values, Values]], classes: Sequence[str]
) -> bytes:
    """Some samples, one below the other: what each expert says, alone and times its gate share.

    The right map's rows add up to what a mixture says of each class.

    Args:
        samples: of each a title; the sample, pixels 0..1 [channels, H, W], or features, which
            are not shown; the gate's shares [M]; each expert's class probabilities [M, C].
        classes: their names.
    """
    rows = []
    for title, x_S, gate_M, says_MC in samples:
        panels = [
            Panel(("each expert says",), says_MC.T.astype(np.float64)),
            Panel(("times its gate share",), (gate_M[:, None] * says_MC).T.astype(np.float64)),
        ]
        maps = heat_maps(title, panels, classes, "class × expert, probability", number_columns=True)
        rows.append((x_S if x_S.ndim == 3 else None, maps))
    return beside(rows)


def _row_shares(counts_RN: Table) -> Table:
    """Each row's counts as shares of the row; NaN for a row that counts nothing."""
    total_R1 = counts_RN.sum(1, keepdims=True)
    nothing_RN = np.full_like(counts_RN, np.nan)
    shares_RN: Table = np.divide(counts_RN, total_R1, out=nothing_RN, where=total_R1 > 0)
    return shares_RN
