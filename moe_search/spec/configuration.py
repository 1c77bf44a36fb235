"""One configuration: every hyperparameter of one model, with plain values.

Whatever is a field here can be fixed or searched in study.yaml: the study's side of these models
is derived from them (see ``searchable.py``), so a new hyperparameter becomes searchable by
existing.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo

from moe_search.errors import UserError
from moe_search.spec.backbones import (
    PRESETS,
    Backbone,
    BackboneChoice,
    Shape,
    feature_map,
    width,
)
from moe_search.spec.base import Flag, Number, Part, Whole
from moe_search.spec.class_groups import EVEN, check_form
from moe_search.spec.kinds.installed import build


@dataclass(frozen=True)
class When:
    """Says that a hyperparameter has a meaning only where another has one of some values.

    A searched hyperparameter is not suggested in trials in which it has no meaning.
    """

    path: str
    values: tuple[str, ...]


def conditions(field: FieldInfo) -> tuple[When, ...]:
    """What must hold for a hyperparameter to have a meaning."""
    return tuple(entry for entry in field.metadata if isinstance(entry, When))


Gate = Literal[
    "original", "attentive", "cosine", "perturbed_cosine", "loudest", "expert_loss", "soft"
]

_IN_MOE = When("model.kind", ("moe",))
_LEARNS = ("original", "attentive", "cosine", "perturbed_cosine")
_LEARNS_SHARES = When("model.gate", (*_LEARNS, "soft"))  # by the model's loss: can be regularized
_HAS_NETWORK = When("model.gate", (*_LEARNS, "expert_loss"))
_GIVES_SHARES = When("model.gate", (*_LEARNS, "loudest"))  # which an output rule can use
_HAS_TEMPERATURE = When("model.gate", (*_LEARNS, "loudest", "soft"))


class Model(Part):
    """The network: one expert's network alone, or a mixture of experts."""

    kind: Literal["moe", "single"] = Field(
        "moe", description="a mixture of experts, or one network of an expert's size as baseline"
    )
    backbone: BackboneChoice = Field(
        "auto",
        description="networks of expert and gate: a preset's name, or their layer lists; "
        "auto takes the data set's own preset",
    )
    experts: Annotated[Whole, _IN_MOE] = Field(5, ge=1, le=1024, description="number of experts M")
    gate: Annotated[Gate, _IN_MOE] = Field(
        "original",
        description="how the gate scores the experts; loudest has no network and trusts the "
        "expert of least entropy, expert_loss predicts each expert's loss and takes the best, soft "
        "is Soft MoE: experts share the positions of the gate's feature map",
    )
    slots: Annotated[Whole, _IN_MOE, When("model.gate", ("soft",))] = Field(
        1, ge=1, le=1024, description="means of positions that each expert of a soft gate gets"
    )
    gate_weights: Annotated[
        Literal["random", "zero"],
        _IN_MOE,
        When("model.gate", ("original", "attentive", "expert_loss")),
    ] = Field(
        "random",
        description="how the gate starts: as torch draws it, or with its network's weights and "
        "biases all zero, from which an original gate never leaves one expert",
    )
    perturbation: Annotated[Number, _IN_MOE, When("model.gate", ("perturbed_cosine",))] = Field(
        0.1,
        ge=0,
        description="what the perturbed cosine gate adds to both norms it divides by",
    )
    temperature: Annotated[Number, _IN_MOE, _HAS_TEMPERATURE] = Field(
        1.0, gt=0, description="gate temperature: gate logits are divided by it"
    )
    temperature_schedule: Annotated[
        Literal["constant", "quarters", "decay"], _IN_MOE, _HAS_TEMPERATURE
    ] = Field(
        "constant",
        description="gate temperature over the epochs: as given; 10, 1, 0.01 and 0.001 times it "
        "in four quarters; or lowered after every epoch",
    )
    temperature_decay: Annotated[
        Number, _IN_MOE, _HAS_TEMPERATURE, When("model.temperature_schedule", ("decay",))
    ] = Field(0.01, ge=0, description="d of decay: T becomes T / (1 + d (n - 1)) after epoch n")
    dual_temperature: Annotated[Number, _IN_MOE, When("model.gate", _LEARNS)] = Field(
        1.0,
        gt=0,
        description="experts learn at this times the gate temperature, the gate at its own; where "
        "it is not 1, the schedule moves the experts' temperature alone",
    )
    output: Annotated[Literal["mixture", "stochastic", "top_k"], _IN_MOE, _GIVES_SHARES] = Field(
        "mixture", description="output rule: how experts' outputs become the model's"
    )
    top_k: Annotated[Whole, _IN_MOE, _GIVES_SHARES, When("model.output", ("top_k",))] = Field(
        2, ge=1, le=1024, description="experts used per sample where output is top_k"
    )


_REGULARIZED = ("importance", "similarity", "both")
_SIMILAR = When("regularizer.kind", ("similarity", "both"))


class Regularizer(Part):
    """What is added to the loss to spread the samples over the experts."""

    kind: Annotated[
        Literal["none", "importance", "similarity", "both"], _IN_MOE, _LEARNS_SHARES
    ] = Field("none", description="regularizer of the gate")
    weight: Annotated[Number, _IN_MOE, _LEARNS_SHARES, When("regularizer.kind", _REGULARIZED)] = (
        Field(
            0.2, ge=0, description="weight of the regularizer; of L_importance where kind is both"
        )
    )
    similarity_weight: Annotated[
        Number, _IN_MOE, _LEARNS_SHARES, When("regularizer.kind", ("both",))
    ] = Field(0.2, ge=0, description="weight of L_s where kind is both")
    features: Annotated[Literal["pixels", "network"], _IN_MOE, _LEARNS_SHARES, _SIMILAR] = Field(
        "pixels",
        description="what distances in L_s are taken of: the inputs, or the logits of a single "
        "network of the backbone that each worker first trains on the same data",
    )
    distance: Annotated[Literal["euclidean", "squared"], _IN_MOE, _LEARNS_SHARES, _SIMILAR] = Field(
        "euclidean", description="distance of two samples in L_s"
    )
    scale: Annotated[Literal["mean", "authors"], _IN_MOE, _LEARNS_SHARES, _SIMILAR] = Field(
        "mean",
        description="L_s as a mean over pairs of samples, or as the authors' sum: its weight is "
        "then their beta_s, B^2 times smaller at batch size B",
    )

    @property
    def importance(self) -> float:
        """Weight of L_importance, 0 where it is not used."""
        return self.weight if self.kind in ("importance", "both") else 0.0

    @property
    def similarity(self) -> float:
        """Weight of L_s, 0 where it is not used."""
        if self.kind == "both":
            return self.similarity_weight
        return self.weight if self.kind == "similarity" else 0.0

    @property
    def needs_network(self) -> bool:
        """Whether distances are taken in a network's features."""
        return self.similarity > 0 and self.features == "network"


class Training(Part):
    """How a model is trained: Adam on the output rule's loss."""

    epochs: Whole = Field(20, ge=1, le=100_000, description="passes over the training data")
    batch_size: Whole = Field(512, ge=2, le=1_048_576, description="samples in a step")
    lr: Number = Field(1e-3, gt=0, description="Adam's learning rate")
    weight_decay: Number = Field(0.0, ge=0, description="Adam's L2 penalty")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="of what training steps multiply in products of matrices, but for 3x3 "
        "convolutions on a CPU; all else and every evaluation is float32",
    )
    pretraining: Annotated[Literal["none", "peeking", "class_groups"], _IN_MOE, _HAS_NETWORK] = (
        Field(
            "none",
            description="how experts are trained before there is a gate: each on the samples whose "
            "labels surprise it least (peeking), or each on classes of its own; then the gate is "
            "trained: after peeking for half of the epochs alone and with the experts for the rest",
        )
    )
    pretraining_epochs: Annotated[
        Whole, _IN_MOE, _HAS_NETWORK, When("training.pretraining", ("peeking", "class_groups"))
    ] = Field(20, ge=1, le=100_000, description="passes over the training data before")
    class_groups: Annotated[
        str,
        AfterValidator(check_form),
        _IN_MOE,
        _HAS_NETWORK,
        When("training.pretraining", ("class_groups",)),
    ] = Field(
        EVEN,
        description="which classes each expert is pretrained on: even, the superclasses of "
        "CIFAR-100, or class numbers of each expert such as 0,7|1,9|2,4|3,8|5,6",
    )
    freeze_experts: Annotated[
        Flag, _IN_MOE, _HAS_NETWORK, When("training.pretraining", ("class_groups",))
    ] = Field(True, description="while the gate for their class groups is trained")
    retrain_experts: Annotated[Literal["none", "same", "new"], _IN_MOE, _HAS_NETWORK] = Field(
        "none",
        description="then freeze the gate and train its experts once more from the start, with the "
        "same initial weights or new ones, for as many epochs more",
    )
    distill: Annotated[Flag, _IN_MOE, When("model.gate", ("attentive",))] = Field(
        False,
        description="then train an original gate for the same experts, for as many epochs more: "
        "it predicts with one expert evaluated per sample",
    )


class Configuration(Part):
    """A trial's hyperparameters without its seed."""

    model: Model = Model()
    regularizer: Regularizer = Regularizer()
    training: Training = Training()


def resolve_backbone(model: Model, data_name: str, shape: Shape, classes: int) -> Backbone:
    """Finds a model's networks and checks that they fit the data and each other.

    Args:
        model: whose backbone is ``auto``, the name of a preset or of an installed backbone, or
            layer lists.
        data_name: the data section's name; ``auto`` takes the preset of that name, and for a
            user's own data ``conv`` for images, ``mlp`` for features.
        shape: of one sample, (C, H, W) or (F,).
        classes: number of classes.

    Raises:
        UserError: an installed backbone is missing or wrong, a layer does not fit the shape, an
            attentive gate's width is not its experts', or a soft gate has no feature map.
    """
    backbone = model.backbone
    if backbone == "auto":
        own = "conv" if len(shape) == 3 else "mlp"
        backbone = data_name if data_name in PRESETS else own
    if isinstance(backbone, str):
        where = f"model.backbone {backbone}"
        backbone = PRESETS.get(backbone) or build(backbone, shape, classes)
    else:
        where = "model.backbone"
    expert = width(backbone.expert, shape, f"{where}: expert")
    if model.kind == "single":
        return backbone
    if model.gate == "soft":
        feature_map(backbone, shape, where)
        return backbone
    gate = width(backbone.gate, shape, f"{where}: gate")
    if model.gate == "attentive" and expert != gate:
        raise UserError(
            f"{where}: expert ends with width {expert} and gate with {gate}; "
            "an attentive gate compares the two and needs equal widths"
        )
    return backbone
