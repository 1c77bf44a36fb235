"""A gate that keeps what is near near.

Shape suffixes: P model, M expert, D width of the hidden representation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.terms.base import Batch, Term
from moe_search.ops.matmul import product
from moe_search.spec.configuration import Regularizer


class Orthogonality(Term):
    """SimBal (Omi et al., arXiv 2506.14038): the gate's vectors of the experts, orthonormal.

    The sum of |R R' - I| over its places, over M^2, with the rows of R the gate's vector of each
    expert: then samples with near representations get near logits. The source does not divide, and
    starts from an orthogonal R; here the rows start as the gate draws them.
    """

    def __init__(self, weight_P: Tensor, chosen: Sequence[Regularizer]) -> None:
        super().__init__(weight_P, chosen)
        self._used = [model for model, weight in enumerate(weight_P.tolist()) if weight]

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        gate = batch.answered().gate
        assert gate is not None, "a gate without vectors of the experts has none to compare"
        row_PMD = axis.fold(gate.rows())
        loss_P = list(p_PMB.new_zeros(axis.models).unbind())
        for model in self._used:  # each by itself: products of other sizes round otherwise
            row_1MD = row_PMD[model : model + 1, : axis.experts[model]]
            gram_MM = product(row_1MD, row_1MD.transpose(1, 2))[0]
            one_MM = torch.eye(len(gram_MM), dtype=gram_MM.dtype, device=gram_MM.device)
            loss_P[model] = (gram_MM - one_MM).abs().mean()
        return torch.stack(loss_P)
