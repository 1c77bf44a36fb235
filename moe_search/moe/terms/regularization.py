"""The terms that are in use, together.

Shape suffixes: P model, M expert, B sample.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.spec.configuration import Regularizer
from moe_search.spec.kinds.terms import TERMS


class Regularization:
    """All terms of a population's models, each model with weights of its own.

    Args:
        chosen: every model's regularizer.
        device: where they train.

    Raises:
        MemberError: nothing makes a term.
    """

    def __init__(self, chosen: Sequence[Regularizer], device: torch.device) -> None:
        weights = [regularizer.weights for regularizer in chosen]  # of each model, by name
        used = {name for by_name in weights for name in by_name}
        ours = [name for name in TERMS if name in used]  # the table's order decides the rounding
        self._terms = [
            TERMS[name].load_class(Term)(
                torch.tensor([by_name.get(name, 0.0) for by_name in weights], device=device), chosen
            )
            for name in (*ours, *sorted(used.difference(TERMS)))
        ]

    def added_to(self, loss_P: Tensor, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        """The losses with every term times its weight; arguments as those of ``Term.loss``.

        One term after another, so that a term of weight 0 changes no bit of a model.
        """
        for term in self._terms:
            loss_P = loss_P + term.weight_P * term.loss(p_PMB, axis, batch)
        return loss_P
