"""The stages of a training: what is trained after what, each with an optimizer of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from moe_search.spec.configuration import Configuration, Training

DECISIVE = (
    *("model.kind", "model.gate", "training.epochs"),
    *("training.pretraining", "training.pretraining_epochs"),
    *("training.retrain_experts", "training.distill"),
)
"""The hyperparameters on which the lengths of stages depend."""


@dataclass(frozen=True)
class Stage:
    """Some epochs of a training; it starts from the weights that the stage before left.

    Attributes:
        epochs: passes over the training data.
        pretraining: without a gate, what decides which one expert learns from a sample: its own
            self-information (``peeking``) or the sample's class (``class_groups``).
        frozen: what keeps its weights and its batch statistics, if anything does.
        experts: whether they are drawn again, the same as at the start or new ones.
        gate: the kind of gate that takes the place of the model's own, if one does. It keeps the
            weights that both have, which is the body, and the rest of it is drawn.
        regularized: whether the study's regularizer and weight decay are used.
    """

    epochs: int
    pretraining: Literal["peeking", "class_groups"] | None = None
    frozen: Literal["experts", "gate"] | None = None
    experts: Literal["same", "new"] | None = None
    gate: Literal["original"] | None = None
    regularized: bool = True


def stages(configuration: Configuration) -> tuple[Stage, ...]:
    """The stages of a configuration's training, in order."""
    training = configuration.training
    in_order = _until_trained(training)
    if training.retrain_experts != "none":
        in_order.append(Stage(training.epochs, frozen="gate", experts=training.retrain_experts))
    if training.distill:
        in_order.append(distillation(training.epochs))
    return tuple(in_order)


def _until_trained(training: Training) -> list[Stage]:
    """Experts and gate together; or the experts, then a gate for them.

    A gate for peeking experts learns alone for half of the epochs and with them for the other half;
    a gate for class groups learns alone, or with the experts from the start. Sources: "reverse
    distillation" and the preliminary experiments in the code of the authors of arXiv 2302.14703.
    """
    epochs = training.epochs
    if training.pretraining == "none":
        return [Stage(epochs)]
    first = Stage(
        training.pretraining_epochs, training.pretraining, frozen="gate", regularized=False
    )
    if training.pretraining == "class_groups":
        return [first, Stage(epochs, frozen="experts" if training.freeze_experts else None)]
    alone = epochs // 2
    return [first, Stage(alone, frozen="experts"), Stage(epochs - alone)]


def distillation(epochs: int) -> Stage:
    """An attentive gate's decomposition, taught to an original gate.

    The experts are frozen and the gate learns from the labels by the output rule's own loss.
    Source: ``train_from_model`` in the code of the authors of arXiv 2302.14703.
    """
    return Stage(epochs, gate="original", frozen="experts", regularized=False)


def last_epoch(configuration: Configuration) -> int:
    """The number of a training's last epoch.

    Epochs are counted from 1 through all stages but a pretraining: until then there is no gate, and
    so no model to judge.
    """
    return sum(stage.epochs for stage in stages(configuration) if not stage.pretraining)


def numbered(configuration: Configuration) -> Iterator[tuple[Stage, range]]:
    """Each stage with the numbers of its epochs.

    Those of a pretraining come behind the last epoch's: random numbers are drawn by them, and no
    two epochs should draw the same.
    """
    judged, behind = 1, last_epoch(configuration) + 1
    for stage in stages(configuration):
        first = behind if stage.pretraining else judged
        yield stage, range(first, first + stage.epochs)
        if not stage.pretraining:
            judged += stage.epochs


def place_in_stage(configuration: Configuration, epoch: int) -> int:
    """How many epochs of its stage come before an epoch."""
    return next(epoch - epochs.start for _, epochs in numbered(configuration) if epoch in epochs)


def steps_of_epoch(samples: int, batch_size: int) -> int:
    """Steps of the optimizer in an epoch: a last batch of one sample is left out."""
    batches, rest = divmod(samples, batch_size)
    return batches + (rest > 1 or samples == 1)
