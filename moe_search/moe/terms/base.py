"""What every term has.

Shape suffixes: P model, M expert, B sample, F feature.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from moe_search.moe.expert_axis import ExpertAxis
from moe_search.moe.gates.base import ExpertOutputs, Gate
from moe_search.moe.outputs.base import Rule
from moe_search.spec.configuration import Regularizer

Features = Callable[[Tensor], Tensor]
"""A batch of inputs -> what a frozen network says of them, [F, B]."""


class Answers(NamedTuple):
    """What the models make of a batch.

    Attributes:
        logits_PMB: of the gate over temperature; minus infinity where there is no expert.
        experts: what the experts say.
        gate: what the logits come from; None of mixtures whose gate and experts are one.
        rule: the output rule.
    """

    logits_PMB: Tensor
    experts: ExpertOutputs
    gate: Gate | None
    rule: Rule


class Batch(NamedTuple):
    """What is learned from.

    Attributes:
        x: inputs, [C, H, W, B] or [F, B], normalised.
        label_B: true classes.
        network: in whose outputs samples can be compared, where a model's regularizer needs one.
        answers: what the models make of it; None where only their probabilities are known.
    """

    x: Tensor
    label_B: Tensor
    network: Features | None = None
    answers: Answers | None = None

    def samples(self, space: str) -> Tensor:
        """What is compared of the samples, [F, B], by ``regularizer.features``."""
        if space == "pixels":
            return self.x.flatten(0, -2)
        assert self.network is not None, "features of a network need their network"
        return self.network(self.x)

    def answered(self) -> Answers:
        """What the models make of it, for terms that look beyond probabilities."""
        assert self.answers is not None, "the term needs what the models say"
        return self.answers


class Term:
    """One term for the models of a population, built once.

    Each model's value may depend on its own probabilities alone: no bit of it on the company.

    Args:
        weight_P: 0 for models that do without the term.
        chosen: every model's regularizer, for what it says besides.
    """

    def __init__(self, weight_P: Tensor, chosen: Sequence[Regularizer]) -> None:
        self.weight_P = weight_P

    def loss(self, p_PMB: Tensor, axis: ExpertAxis, batch: Batch) -> Tensor:
        """Each model's value, [P], not yet times its weight.

        Args:
            p_PMB: p(e|x), the softmax over all experts of a model, whatever the output rule keeps
                of it, so that an expert that gets no samples still has a gradient; what the rule
                keeps, where a model's ``shares`` say so. Places without an expert hold 0.
            axis: which expert is whose.
            batch: what the probabilities are of.
        """
        raise NotImplementedError
