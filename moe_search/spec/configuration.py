"""One configuration: every hyperparameter of one model, with plain values.

Whatever is a field here can be fixed or searched in study.yaml: the study's side of these models
is derived from them (see ``searchable.py``), so a new hyperparameter becomes searchable by
existing.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt

from moe_search.errors import UserError
from moe_search.spec.backbones import (
    PRESETS,
    Backbone,
    BackboneChoice,
    feature_map,
    width,
)
from moe_search.spec.base import OneOf, Section
from moe_search.spec.class_groups import EVEN, check_form
from moe_search.spec.conditions import IN_MOE, NoneAtZero, when, when_gate, when_kind
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.installed import build
from moe_search.spec.kinds.layers import Shape
from moe_search.spec.kinds.optimizers import OPTIMIZERS
from moe_search.spec.kinds.outputs import OUTPUTS
from moe_search.spec.kinds.schedules import SCHEDULES
from moe_search.spec.kinds.term_weights import COMPARES_SAMPLES, LEARNS, TERM_NAMES, TermWeights
from moe_search.spec.kinds.terms import TERMS

_HAS_NETWORK = when_gate(lambda gate: gate.has_network)
_CHOOSES_RULE = when_gate(lambda gate: gate.rule is None)
_HAS_SHARES = when_gate(lambda gate: gate.has_shares)
_HAS_TEMPERATURE = when_gate(lambda gate: gate.has_temperature)

GateName = Annotated[str, OneOf(tuple(GATES), others=GATES.__contains__)]
RuleName = Annotated[str, OneOf(OUTPUTS.names(lambda rule: rule.chosen))]


class Model(Section):
    """The network: one expert's network alone, or a mixture of experts."""

    kind: Literal["moe", "single"] = Field(
        "moe", description="a mixture of experts, or one network of an expert's size as baseline"
    )
    backbone: BackboneChoice = Field(
        "auto",
        description="networks of expert and gate: a preset's name, or their layer lists; "
        "auto takes the data set's own preset",
    )
    experts: Annotated[StrictInt, IN_MOE] = Field(
        5, ge=1, le=1024, description="number of experts M"
    )
    gate: Annotated[GateName, IN_MOE] = Field(
        "original",
        description="how the gate scores the experts; loudest has no network and trusts the "
        "expert of least entropy, expert_loss predicts each expert's loss and takes the best, soft "
        "is Soft MoE: experts share the positions of the gate's feature map",
    )
    slots: Annotated[StrictInt, IN_MOE, when_gate(lambda gate: gate.has_slots)] = Field(
        1, ge=1, le=1024, description="means of positions that each expert of a soft gate gets"
    )
    gate_weights: Annotated[
        Literal["random", "zero"],
        IN_MOE,
        when_gate(lambda gate: gate.may_start_at_zero),
    ] = Field(
        "random",
        description="how the gate starts: as torch draws it, or with its network's weights and "
        "biases all zero, from which an original gate never leaves one expert",
    )
    perturbation: Annotated[StrictFloat, IN_MOE, when_gate(lambda gate: gate.perturbed)] = Field(
        0.1,
        ge=0,
        description="what the perturbed cosine gate adds to both norms it divides by",
    )
    temperature: Annotated[StrictFloat, IN_MOE, _HAS_TEMPERATURE] = Field(
        1.0, gt=0, description="gate temperature: gate logits are divided by it"
    )
    temperature_schedule: Annotated[
        Literal["constant", "quarters", "decay"], IN_MOE, _HAS_TEMPERATURE
    ] = Field(
        "constant",
        description="gate temperature over the epochs: as given; 10, 1, 0.01 and 0.001 times it "
        "in four quarters; or lowered after every epoch",
    )
    temperature_decay: Annotated[
        StrictFloat, IN_MOE, _HAS_TEMPERATURE, when("model.temperature_schedule", "decay")
    ] = Field(0.01, ge=0, description="d of decay: T becomes T / (1 + d (n - 1)) after epoch n")
    dual_temperature: Annotated[StrictFloat, IN_MOE, _HAS_SHARES] = Field(
        1.0,
        gt=0,
        description="experts learn at this times the gate temperature, the gate at its own; where "
        "it is not 1, the schedule moves the experts' temperature alone",
    )
    output: Annotated[RuleName, IN_MOE, _CHOOSES_RULE] = Field(
        "mixture", description="output rule: how experts' outputs become the model's"
    )
    top_k: Annotated[StrictInt, IN_MOE, _CHOOSES_RULE, when("model.output", "top_k")] = Field(
        2, ge=1, le=1024, description="experts used per sample where output is top_k"
    )


class Regularizer(TermWeights):
    """What is added to the loss to spread the samples over the experts."""

    features: Annotated[Literal["pixels", "network"], IN_MOE, LEARNS, COMPARES_SAMPLES] = Field(
        "pixels",
        description="what distances in L_s are taken of: the inputs, or the logits of a single "
        "network of the backbone that each worker first trains on the same data",
    )
    distance: Annotated[Literal["euclidean", "squared"], IN_MOE, LEARNS, COMPARES_SAMPLES] = Field(
        "euclidean", description="distance of two samples in L_s"
    )
    scale: Annotated[Literal["mean", "authors"], IN_MOE, LEARNS, COMPARES_SAMPLES] = Field(
        "mean",
        description="L_s as a mean over pairs of samples, or as the authors' sum: its weight is "
        "then their beta_s, B^2 times smaller at batch size B",
    )
    shares: Annotated[
        Literal["all", "kept"], IN_MOE, LEARNS, _CHOOSES_RULE, when("model.output", "top_k")
    ] = Field(
        "all",
        description="what terms take for p(e|x) where output is top_k: the shares of all experts, "
        "or those that the k chosen ones keep, as the authors do for k above 1",
    )
    bias_rate: Annotated[
        StrictFloat, NoneAtZero(), IN_MOE, LEARNS, _CHOOSES_RULE, when("model.output", "top_k")
    ] = Field(
        0.0,
        ge=0,
        description="balance without a loss: after each step an expert's bias, which counts in the "
        "choice of the top k alone, moves by this towards as many samples for each; 0.001 is "
        "usual, 0 is none",
    )

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term that is in use, by its name."""
        by_kind = {
            "none": {},
            "importance": {"importance": self.weight},
            "similarity": {"similarity": self.weight},
            "both": {"importance": self.weight, "similarity": self.similarity_weight},
        }
        by_term = {name: float(getattr(self, name)) for name in TERM_NAMES}
        return {name: weight for name, weight in (by_term | by_kind[self.kind]).items() if weight}

    @property
    def needs_network(self) -> bool:
        """Whether distances are taken in a network's features."""
        return self.features == "network" and any(
            TERMS[name].between_samples for name in self.weights
        )


class Training(Section):
    """How a model is trained on the output rule's loss."""

    epochs: StrictInt = Field(20, ge=1, le=100_000, description="passes over the training data")
    batch_size: StrictInt = Field(512, ge=2, le=1_048_576, description="samples in a step")
    optimizer: Annotated[str, OneOf(tuple(OPTIMIZERS))] = Field(
        "adam",
        description="; ".join(f"{name}: {kind.meaning}" for name, kind in OPTIMIZERS.items())
        + "; lr and weight_decay belong to each",
    )
    lr: StrictFloat = Field(1e-3, gt=0, description="learning rate, which the schedule moves")
    weight_decay: StrictFloat = Field(0.0, ge=0, description="decay of the weights")
    momentum: Annotated[
        StrictFloat, when_kind("training.optimizer", OPTIMIZERS, lambda kind: kind.has_momentum)
    ] = Field(
        0.9, ge=0, lt=1, description="share of a step's change that the next one adds to its own"
    )
    schedule: Annotated[str, OneOf(tuple(SCHEDULES))] = Field(
        "constant",
        description="the learning rate over the steps of a stage of training; "
        + "; ".join(f"{name}: {kind.meaning}" for name, kind in SCHEDULES.items()),
    )
    step_epochs: Annotated[StrictInt, when("training.schedule", "step")] = Field(
        10, ge=1, le=100_000, description="epochs between two steps of the schedule step"
    )
    step_factor: Annotated[StrictFloat, when("training.schedule", "step")] = Field(
        0.1, gt=0, le=1, description="what the schedule step multiplies the learning rate by"
    )
    warmup: Annotated[
        StrictFloat,
        NoneAtZero(),
        when_kind("training.schedule", SCHEDULES, lambda kind: not kind.rises),
    ] = Field(
        0.0,
        ge=0,
        le=1,
        description="share of a stage's steps in which the learning rate rises evenly to lr, "
        "before the schedule begins",
    )
    label_smoothing: Annotated[StrictFloat, NoneAtZero()] = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of each label that all classes get evenly; the loss on them is torch's "
        "cross_entropy, of the output rule",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="weights of the classes in the loss on labels: none, or balanced, by which "
        "rare classes count as much as frequent ones",
    )
    clip: Annotated[StrictFloat, NoneAtZero()] = Field(
        0.0,
        ge=0,
        description="norm of all gradients of a model above which they are scaled down to it, "
        "step by step; 0 is none",
    )
    early_stop: Annotated[StrictInt, NoneAtZero()] = Field(
        0,
        ge=0,
        le=100_000,
        description="epochs without a better one in validation, by accuracy and then by loss, "
        "after which a training stops; the weights of its best epoch are kept; 0 is never, and the "
        "last weights are kept",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="of what training steps multiply in products of matrices, but for 3x3 "
        "convolutions on a CPU; all else and every evaluation is float32",
    )
    pretraining: Annotated[Literal["none", "peeking", "class_groups"], IN_MOE, _HAS_NETWORK] = (
        Field(
            "none",
            description="how experts are trained before there is a gate: each on the samples whose "
            "labels surprise it least (peeking), or each on classes of its own; then the gate is "
            "trained: after peeking for half of the epochs alone and with the experts for the rest",
        )
    )
    pretraining_epochs: Annotated[
        StrictInt, IN_MOE, _HAS_NETWORK, when("training.pretraining", "peeking", "class_groups")
    ] = Field(20, ge=1, le=100_000, description="passes over the training data before")
    class_groups: Annotated[
        str,
        AfterValidator(check_form),
        IN_MOE,
        _HAS_NETWORK,
        when("training.pretraining", "class_groups"),
    ] = Field(
        EVEN,
        description="which classes each expert is pretrained on: even, the superclasses of "
        "CIFAR-100, or class numbers of each expert such as 0,7|1,9|2,4|3,8|5,6",
    )
    freeze_experts: Annotated[
        StrictBool, IN_MOE, _HAS_NETWORK, when("training.pretraining", "class_groups")
    ] = Field(True, description="while the gate for their class groups is trained")
    retrain_experts: Annotated[Literal["none", "same", "new"], IN_MOE, _HAS_NETWORK] = Field(
        "none",
        description="then freeze the gate and train its experts once more from the start, with the "
        "same initial weights or new ones, for as many epochs more",
    )
    distill: Annotated[StrictBool, IN_MOE, when_gate(lambda gate: gate.distils)] = Field(
        False,
        description="then train an original gate for the same experts, for as many epochs more: "
        "it predicts with one expert evaluated per sample",
    )


class Configuration(Section):
    """A trial's hyperparameters without its seed."""

    model: Model = Model()
    regularizer: Regularizer = Regularizer()
    training: Training = Training()


def resolve_backbone(model: Model, preset: str | None, shape: Shape, classes: int) -> Backbone:
    """Finds a model's networks and checks that they fit the data and each other.

    Args:
        model: whose backbone is ``auto``, the name of a preset or of an installed backbone, or
            layer lists.
        preset: the backbone that ``auto`` takes, as the data section says (``Data.preset``); None
            for ``conv`` of images, ``mlp`` of features.
        shape: of one sample, (C, H, W) or (F,).
        classes: number of classes.

    Raises:
        UserError: an installed backbone is missing or wrong, a layer does not fit the shape, an
            attentive gate's width is not its experts', or a soft gate has no feature map.
    """
    backbone = model.backbone
    if backbone == "auto":
        backbone = preset or ("conv" if len(shape) == 3 else "mlp")
    if isinstance(backbone, str):
        where = f"model.backbone {backbone}"
        backbone = PRESETS.get(backbone) or build(backbone, shape, classes)
    else:
        where = "model.backbone"
    check_gate(backbone, None if model.kind == "single" else model.gate, shape, where)
    return backbone


def check_gate(backbone: Backbone, gate: str | None, shape: Shape, where: str) -> None:
    """Checks that a gate can score a backbone's experts; a single network has none.

    Raises:
        UserError: a layer does not fit the shape, widths differ that must be equal, or there is no
            feature map where the gate needs one.
    """
    if gate is not None and GATES[gate].has_slots:
        feature_map(backbone, shape, where)
        return
    expert_width = width(backbone.expert, shape, f"{where}: expert")
    if gate is None:
        return
    gate_width = width(backbone.gate, shape, f"{where}: gate")
    if GATES[gate].equal_widths and expert_width != gate_width:
        article = "an" if gate[0] in "aeiou" else "a"
        raise UserError(
            f"{where}: expert ends with width {expert_width} and gate with {gate_width}; "
            f"{article} {gate} gate compares the two and needs equal widths"
        )
