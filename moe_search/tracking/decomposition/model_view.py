"""What tables and figures show of one trained model."""

from collections.abc import Sequence
from dataclasses import dataclass

from moe_search.moe.decomposition import Decomposition, Table


@dataclass(frozen=True)
class ModelView:
    """A model on one split of the data. Shape suffixes: E epoch, M expert.

    Attributes:
        decomposition: of a split with at least one sample.
        classes: their names, in the order of the decomposition's tables.
        usage_EM: expert usage after each of one or more epochs.
        title: one short line above each figure.
    """

    decomposition: Decomposition
    classes: Sequence[str]
    usage_EM: Table
    title: str
