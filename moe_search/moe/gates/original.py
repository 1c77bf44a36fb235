"""The original gate.

Shape suffixes: P model, M expert within its model, B sample, D width of the hidden representation.
"""

from torch import Generator, Tensor

from moe_search.moe.architecture import Architecture
from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.base import ExpertOutputs, NetworkGate
from moe_search.moe.layers.dense import Dense
from moe_search.ops.dense import scores, scores_eager


class OriginalGate(NetworkGate):
    """The gate of Jacobs et al. (1991): a network of its own with one output per expert."""

    per_expert: tuple[str, ...] = ("head.",)

    def __init__(self, architecture: Architecture, axis: ExpertAxis, fused: bool) -> None:
        super().__init__(architecture, axis, fused)
        self.head = Dense(sum(axis.experts), self.body.width, 1)
        self.operation = scores if fused else scores_eager

    def forward(self, x: Tensor, experts: ExpertOutputs | None = None) -> Tensor:
        """Logits [P, M, B]; what the experts say is not looked at."""
        return self.outputs(self.body(x))

    def outputs(self, hidden_PDB: Tensor) -> Tensor:
        """One output per expert [P, M, B] of the ReLU of what the network says."""
        weight_PMD = self.axis.fold(self.head.weight).squeeze(2)
        bias_PM = self.axis.fold(self.head.biases(slice(None))).squeeze(2)
        return self.axis.mask(self.operation(hidden_PDB, weight_PMD, bias_PM))

    def rows(self) -> Tensor:
        """The weights [N, D] of each expert's output."""
        return self.head.weight.squeeze(1)

    def initialise(self, model: int, generator: Generator) -> None:
        """Draw one model's gate: the network, then one output per expert."""
        super().initialise(model, generator)
        for expert in self.axis.experts_of(model):
            self.head.initialise(expert, generator)

    def zero(self, model: int) -> None:
        """Set one model's gate to 0: it gives every sample the same distribution forever.

        One expert gets the most of it. (With zeros in the output layer alone, or in the weights
        but not in the biases, the gate learns.)
        """
        super().zero(model)
        for expert in self.axis.experts_of(model):
            self.head.zero(expert)
