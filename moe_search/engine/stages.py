"""The stages of a training: what is trained after what, each with an optimiser of its own."""

from dataclasses import dataclass
from typing import Literal

from moe_search.spec.configuration import Configuration

DECISIVE = ("model.kind", "model.gate", "training.epochs", "training.distill")
"""The hyperparameters on which the stages depend."""


@dataclass(frozen=True)
class Stage:
    """Some epochs of a training; it starts from the weights that the stage before left.

    Attributes:
        epochs: passes over the training data.
        gate: the kind of gate that takes the place of the model's own, if one does. It keeps the
            weights that both have, which is the body, and the rest of it is drawn.
        frozen: what keeps its weights and its batch statistics, if anything does.
        regularized: whether the study's regularizer and weight decay are used.
    """

    epochs: int
    gate: Literal["original"] | None = None
    frozen: Literal["experts"] | None = None
    regularized: bool = True


def stages(configuration: Configuration) -> tuple[Stage, ...]:
    """The stages of a configuration's training, in order."""
    training = configuration.training
    found = [Stage(training.epochs)]
    if training.distill:
        found.append(distillation(training.epochs))
    return tuple(found)


def distillation(epochs: int) -> Stage:
    """An attentive gate's decomposition, taught to an original gate.

    The experts are frozen and the gate learns from the labels by the output rule's own loss.
    Source: ``train_from_model`` in the code of the authors of arXiv 2302.14703.
    """
    return Stage(epochs, gate="original", frozen="experts", regularized=False)


def last_epoch(configuration: Configuration) -> int:
    """The number of a training's last epoch; epochs are counted from 1 through all stages."""
    return sum(stage.epochs for stage in stages(configuration))
