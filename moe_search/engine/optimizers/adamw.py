"""Adam with decoupled weight decay.

Shape suffixes: F place in the flat memory of all parameters.
"""

from collections.abc import Sequence

from torch import Tensor

from moe_search.engine.optimizers.adam import Adam


class AdamW(Adam):
    """AdamW (Loshchilov and Hutter, arXiv 1711.05101) as torch has it: w <- (1 - lr d) w first."""

    decoupled = True

    def decays(self, lr: Sequence[float]) -> Sequence[float]:
        return [1 - rate * own.weight_decay for rate, own in zip(lr, self.training, strict=True)]

    def decay(self, decay_F: Tensor) -> None:
        self.memory.weight_F.mul_(decay_F)
