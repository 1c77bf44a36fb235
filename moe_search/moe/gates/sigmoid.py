"""The sigmoid gate.

Shape suffixes: P model, M expert within its model, B sample.
"""

import torch.nn.functional as F
from torch import Tensor

from moe_search.moe.gates.base import ExpertOutputs
from moe_search.moe.gates.original import OriginalGate


class SigmoidGate(OriginalGate):
    """Each expert is scored by itself, s_e = sigmoid(z_e); the shares are s_e / sum_f s_f.

    Source: DeepSeek-V3 (arXiv 2412.19437), which sums over the chosen experts, as ``top_k`` does
    here; its shared experts and scaling factor are left out. The logits are log s_e: their softmax
    over any experts is the share, so there is no gate temperature.
    """

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """log s_e [P, M, B]; what the experts say is not looked at."""
        return F.logsigmoid(super().forward(x, experts))
