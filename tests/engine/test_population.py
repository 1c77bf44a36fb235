"""Models trained in step learn exactly as each would alone, and as plain models do.

Shape suffixes: P model.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from support.kinds import STACKED, listed, stacked
from support.reference_model import GATES as PLAIN_GATES
from support.reference_model import OPTIMIZERS as PLAIN_OPTIMIZERS
from support.reference_model import RULES as PLAIN_RULES
from support.reference_model import TERMS as PLAIN_TERMS
from support.reference_model import (
    PlainMixture,
    PlainNoisy,
    Step,
    importance_loss,
    inference_gate,
    label_loss,
    mixture_loss,
    moved_bias,
    optimizer,
    rule_losses,
    schedule,
    similarity_loss,
)
from support.small_trials import (
    CLASSES,
    COLOUR_IMAGE,
    IMAGE,
    LARGE_IMAGE,
    Batch,
    batches,
    plain_of,
    population,
    trial,
)
from torch import Tensor

from moe_search.engine.population import Population
from moe_search.engine.resident import samples_last
from moe_search.engine.seeds import Stream, generator
from moe_search.engine.stages import Stage
from moe_search.engine.trial import TrialSpec
from moe_search.moe.architecture import State
from moe_search.spec import Regularizer, Training
from moe_search.spec.kinds.gates import GATES
from moe_search.spec.kinds.optimizers import OPTIMIZERS
from moe_search.spec.kinds.outputs import OUTPUTS
from moe_search.spec.kinds.terms import TERMS

pytestmark = pytest.mark.usefixtures("one_thread")

Kind = Literal["none", "importance", "similarity", "both"]
KINDS: tuple[Kind, ...] = ("none", "importance", "similarity", "both")
CHOSEN = OUTPUTS.names(lambda rule: rule.chosen)
RULES = [
    {"output": rule, "top_k": k} for rule in CHOSEN for k in ((1, 2) if rule == "top_k" else (2,))
]
"""What a study may say of the output."""

every_gate = pytest.mark.parametrize("gate", tuple(GATES))
each_gate = pytest.mark.parametrize("gate", listed(STACKED, PLAIN_GATES))
each_gate_with_a_rule = pytest.mark.parametrize("gate", stacked(lambda gate: gate.rule is None))
each_plain_gate_with_a_rule = pytest.mark.parametrize(
    "gate", listed(stacked(lambda gate: gate.rule is None), PLAIN_GATES)
)
each_learning_gate = pytest.mark.parametrize(
    "gate", listed(stacked(lambda gate: gate.has_shares), PLAIN_GATES)
)
Precision = Literal["float32", "bfloat16"]
each_precision = pytest.mark.parametrize("precision", ["float32", "bfloat16"])
each_optimizer = pytest.mark.parametrize("optimizer", listed(OPTIMIZERS, PLAIN_OPTIMIZERS))
each_output = pytest.mark.parametrize("output", RULES, ids=lambda rule: str([*rule.values()]))
each_plain_output = pytest.mark.parametrize(
    "output",
    listed(RULES, PLAIN_RULES, lambda rule: str(rule["output"])),
    ids=lambda rule: str([*rule.values()]),
)


def features(x: Tensor) -> Tensor:
    """What some network might say of a batch, [7, B]."""
    return x.flatten(0, -2)[:7].sin()


def labels(given: Sequence[Batch]) -> Tensor:
    """The classes of all samples."""
    return torch.cat([y for _, y in given])


def plain_loss(
    model: PlainMixture, spec: TrialSpec, batch: Batch, label_N: Tensor | None = None
) -> Tensor:
    """The loss that a trial minimises, with the weights of the authors' formulas."""
    x, y = batch
    chosen, regularizer = spec.configuration.model, spec.configuration.regularizer
    loss, p_BM = mixture_loss(model, x, y)
    rule = "expert_loss" if chosen.gate == "expert_loss" else chosen.output
    if rule != "mixture":
        given = model.logits(x), model.outputs(x), y, rule, chosen.top_k, model.bias_M
        loss = rule_losses(*given).mean()
    training = spec.configuration.training
    if training.label_smoothing or training.class_weights != "none":
        assert rule == "mixture"
        loss_BC = -((p_BM.unsqueeze(2) * model.outputs(x)).sum(1) + 1e-7).log()
        weight_C = None
        if training.class_weights == "balanced" and label_N is not None:
            weight_C = len(label_N) / (CLASSES * label_N.bincount(minlength=CLASSES))
        loss = label_loss(loss_BC, y, training.label_smoothing, weight_C)
    if regularizer.shares == "kept":
        p_BM = inference_gate(model.logits(x), chosen.output, chosen.top_k)
    if regularizer.kind in ("importance", "both"):
        loss = loss + regularizer.weight * importance_loss(p_BM)
    if regularizer.kind in ("similarity", "both"):
        both = regularizer.kind == "both"
        weight = regularizer.similarity_weight if both else regularizer.weight
        beta_s = weight if regularizer.scale == "authors" else weight / len(x) ** 2
        of = features(samples_last(x)).t() if regularizer.features == "network" else x
        loss = loss + similarity_loss(p_BM, of, beta_s, 0.0, regularizer.distance == "squared")
    return loss + plain_terms(model, spec, x)


def plain_terms(model: PlainMixture, spec: TrialSpec, x: Tensor) -> Tensor:
    """The terms that came after the paper, each times its weight."""
    weights = spec.configuration.regularizer.weights
    loss = torch.zeros(())
    if named := [name for name in weights if name in PLAIN_TERMS]:
        chosen = spec.configuration.model
        assert model.gate is not None
        k = chosen.top_k if chosen.output == "top_k" else 1
        step = Step(model.logits(x), model.hidden(x), model.gate.rows(), k)
        if model.bias_M is not None:
            step = step._replace(bias_M=model.bias_M)
        if isinstance(model.gate, PlainNoisy):
            clean_BM, scale_BM = model.gate.forward(x), model.gate.scale(x)
            t = chosen.temperature
            step = step._replace(clean_BM=clean_BM / t, scale_BM=scale_BM / t)
        for name in named:
            loss = loss + weights[name] * PLAIN_TERMS[name](step)
    return loss


def learned(plain: PlainMixture, spec: TrialSpec, batch: Batch, label_N: Tensor) -> Tensor:
    """The loss; the gradients lie in the plain model.

    With a dual temperature there are two passes: experts with a softer gate that is frozen, and no
    regularizer; then the gate with frozen experts.
    """
    loss = plain_loss(plain, spec, batch, label_N)
    chosen = spec.configuration
    if chosen.model.dual_temperature == 1:
        torch.autograd.backward(loss)
        return loss
    experts = set(plain.experts.parameters())
    gate = set(plain.parameters()) - experts
    plain.temperature = chosen.model.temperature * chosen.model.dual_temperature
    unregularized = chosen.model_copy(update={"regularizer": Regularizer()})
    for frozen, given in ((gate, replace(spec, configuration=unregularized)), (experts, spec)):
        for parameter in frozen:
            parameter.requires_grad_(False)
        torch.autograd.backward(plain_loss(plain, given, batch))
        for parameter in frozen:
            parameter.requires_grad_(True)
        plain.temperature = chosen.model.temperature
    return loss


def assert_learns_as_plain_models(
    specs: Sequence[TrialSpec],
    given: Sequence[Batch],
    tolerance: float,
    shape: tuple[int, ...] = IMAGE,
    fused: bool = False,
) -> None:
    """Each step's loss, and the weights in the end; all batches are one epoch."""
    trained = population(specs, shape, fused, features, labels(given))
    plains = [plain_of(trained, model, shape) for model in range(len(specs))]
    optimizers = [
        optimizer(plain.parameters(), spec.configuration.training)
        for plain, spec in zip(plains, specs, strict=True)
    ]
    schedules = [
        schedule(learner, spec.configuration.training, len(given), len(given))
        for learner, spec in zip(optimizers, specs, strict=True)
    ]
    noise = [generator(specs[0].seed, Stream.NOISE, 1, expert) for expert in range(20)]
    for x, y in given:
        found_P = trained.step(samples_last(x), y)
        drawn_BM = torch.stack([torch.randn(len(x), generator=source) for source in noise], 1)
        for plain in plains:
            if isinstance(plain.gate, PlainNoisy):
                plain.gate.drawn_BM = drawn_BM[:, : len(plain.experts)]
        each = zip(found_P, plains, optimizers, schedules, specs, strict=True)
        for found, plain, learner, moved, spec in each:
            learner.zero_grad()
            loss = learned(plain, spec, (x, y), labels(given))
            if plain.bias_M is not None:
                k, rate = spec.configuration.model.top_k, spec.configuration.regularizer.bias_rate
                p_BM = plain.logits(x).detach().softmax(1)
                plain.bias_M = moved_bias(plain.bias_M, p_BM, k, rate)
            torch.testing.assert_close(found, loss.detach(), rtol=tolerance, atol=tolerance)
            if clip := spec.configuration.training.clip:
                torch.nn.utils.clip_grad_norm_(plain.parameters(), clip)
            learner.step()
            moved.step()
    for model, plain in enumerate(plains):
        ours = plain_of(trained, model, shape)
        for found, expected in zip(ours.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e3 * tolerance, atol=1e2 * tolerance)
        torch.testing.assert_close(ours.bias_M, plain.bias_M)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("kind", ["none", "both"])  # the others are among the neighbours
@each_gate
def test_a_hundred_steps_are_those_of_a_plain_model(gate: str, kind: Kind) -> None:
    regularizer = Regularizer(kind=kind, weight=0.3, similarity_weight=0.7)
    spec = trial(experts=4, gate=gate, temperature=1.3, regularizer=regularizer)
    assert_learns_as_plain_models([spec], batches(100, 12), 1e-9)


@pytest.mark.usefixtures("double")
@each_plain_output
@each_plain_gate_with_a_rule
def test_steps_of_each_output_rule_are_those_of_a_plain_model(
    gate: str, output: dict[str, Any]
) -> None:
    spec = trial(experts=4, gate=gate, **output)
    assert_learns_as_plain_models([spec], batches(40, 12), 1e-9)


@pytest.mark.usefixtures("double")
@each_learning_gate
def test_experts_and_gate_learn_at_temperatures_of_their_own(gate: str) -> None:
    specs = neighbours(gate, dual_temperature=2.5)
    assert_learns_as_plain_models(specs, batches(20, 12), 1e-9)


@each_learning_gate
def test_dual_temperatures_have_the_same_bits_alone_and_among_neighbours(gate: str) -> None:
    assert_company_changes_no_bit(neighbours(gate, dual_temperature=2.5), uneven(IMAGE), False)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("gate", ["original", "attentive"])
def test_a_zero_gate_trains_as_a_plain_one(gate: str) -> None:
    spec = trial(experts=4, gate=gate, gate_weights="zero")
    assert_learns_as_plain_models([spec], batches(40, 12), 1e-9)


@pytest.mark.parametrize("gate", ["original", "attentive"])
def test_of_zero_gates_only_an_attentive_one_tells_samples_apart(gate: str) -> None:
    found = trained([trial(experts=4, gate=gate, gate_weights="zero")], batches(60, 32), False)
    x, _ = batches(1, 32, seed=1)[0]
    p_PMB = found.mixtures(samples_last(x))[0].softmax(1)
    spread = p_PMB.amax(2) - p_PMB.amin(2)
    assert bool((spread > 1e-3).any()) == (gate == "attentive")
    assert p_PMB.std(1).max() > 1e-3, "the gate learns something"


def test_zero_gates_choose_the_same_experts_alone_and_among_neighbours() -> None:
    specs = neighbours("original", gate_weights="zero", output="top_k", top_k=2)
    assert_company_changes_no_bit(specs, uneven(IMAGE), False)


@pytest.mark.usefixtures("double")
def test_a_hundred_steps_of_a_single_network_are_those_of_a_plain_one() -> None:
    assert_learns_as_plain_models([trial(kind="single")], batches(100, 12), 1e-9)


@pytest.mark.usefixtures("double")
@each_gate
def test_neighbours_have_their_own_rates_decays_regularizers_and_temperatures(gate: str) -> None:
    assert_learns_as_plain_models(neighbours(gate), batches(30, 12), 1e-9)


@pytest.mark.usefixtures("double")
def test_neighbours_have_their_own_features_distances_and_scales() -> None:
    assert_learns_as_plain_models(similar_neighbours(), batches(30, 12), 1e-9)


def test_features_distances_and_scales_of_neighbours_change_no_bit() -> None:
    assert_company_changes_no_bit(similar_neighbours(), uneven(IMAGE), fused=False)


@pytest.mark.parametrize("gate", ["original", "attentive"])
def test_terms_train_as_kind_says_in_every_bit(gate: str) -> None:
    pairs = [
        (
            Regularizer(kind="both", weight=0.2, similarity_weight=0.26),
            {"importance": 0.2, "similarity": 0.26},
        ),
        (Regularizer(kind="importance", weight=0.5), {"importance": 0.5, "similarity": 0.0}),
        (Regularizer(kind="similarity", weight=0.3), {"similarity": 0.3}),
        (Regularizer(), {"importance": 0.0}),
    ]
    by_kind, by_weight = (
        [
            trial(key, experts=2 + 3 * key, gate=gate, regularizer=regularizer)
            for key, regularizer in enumerate(regularizers)
        ]
        for regularizers in ([kind for kind, _ in pairs], [Regularizer(**own) for _, own in pairs])
    )
    expected, found = (trained(specs, uneven(IMAGE), False) for specs in (by_kind, by_weight))
    for model in range(len(pairs)):
        assert_same_bits(found.state_of(model), expected.state_of(model))
    assert_company_changes_no_bit(by_weight, uneven(IMAGE), fused=False)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("gate", listed(STACKED, PLAIN_GATES))
def test_neighbours_learn_by_the_terms_that_fit_as_plain_models(gate: str) -> None:
    assert_learns_as_plain_models(of_terms(gate), batches(8, 12), 1e-9)


@pytest.mark.parametrize("gate", GATES)
def test_terms_that_fit_have_the_same_bits_alone_and_among_neighbours(gate: str) -> None:
    assert_company_changes_no_bit(of_terms(gate), uneven(IMAGE), fused=False)


@pytest.mark.parametrize("term", TERMS)
def test_a_term_has_the_same_bits_alone_and_beside_many_experts(term: str) -> None:
    gate = next(name for name in reversed(STACKED) if TERMS[term].fits(GATES[name]))
    specs = [
        trial(key, experts=experts, gate=gate, output="top_k", regularizer=Regularizer(**{term: 1}))
        for key, experts in enumerate((3, 20, 5, 12))
    ]
    assert_company_changes_no_bit(specs, uneven(IMAGE), fused=False)


@pytest.mark.usefixtures("double")
def test_terms_of_the_shares_that_are_kept_are_those_of_a_plain_model() -> None:
    assert_learns_as_plain_models(of_kept_shares(), batches(8, 12), 1e-9)


def test_shares_that_are_kept_have_the_same_bits_alone_and_among_neighbours() -> None:
    assert_company_changes_no_bit(of_kept_shares(), uneven(IMAGE), fused=False)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("gate", ["original", "sigmoid", "noisy"])
def test_a_bias_balances_without_a_loss_as_a_plain_one(gate: str, k: int) -> None:
    assert_learns_as_plain_models(of_biases(gate, k), batches(8, 12), 1e-9)


@pytest.mark.parametrize("gate", ["original", "sigmoid", "noisy"])
def test_biases_have_the_same_bits_alone_and_among_neighbours(gate: str) -> None:
    assert_company_changes_no_bit(of_biases(gate, 2), uneven(IMAGE), fused=False)


def test_a_bias_stays_while_the_gate_is_frozen_and_evens_what_experts_are_sent() -> None:
    (x, y), *_ = batches(1, 64)
    rated = Regularizer(bias_rate=0.01)
    spec = trial(experts=4, gate_weights="zero", output="top_k", top_k=1, regularizer=rated)
    found = population([spec])
    found.step(samples_last(x), y)
    first = found.state_of(0)["gate.choice_bias"]
    assert sorted(np.sign(first)) == [-1, 1, 1, 1], "one expert of a gate of zeros gets all"
    found.enter_stage(Stage(1, frozen="gate", experts="same"), 1)
    found.step(samples_last(x), y)
    assert np.array_equal(found.state_of(0)["gate.choice_bias"], first)


@pytest.mark.usefixtures("double")
@each_optimizer
def test_neighbours_learn_by_each_optimizer_as_plain_models(optimizer: str) -> None:
    assert_learns_as_plain_models(optimized(optimizer), batches(20, 12), 1e-9)


@each_optimizer
def test_each_optimizer_has_the_same_bits_alone_and_among_neighbours(optimizer: str) -> None:
    assert_company_changes_no_bit(optimized(optimizer), uneven(IMAGE), fused=False)


@each_optimizer
def test_a_model_goes_on_by_each_optimizer_as_if_nothing_had_been(optimizer: str) -> None:
    specs, given = optimized(optimizer), uneven(IMAGE)
    undisturbed, thinned = trained(specs, given, False), trained(specs, given[:3], False)
    thinned.select([3, 1])
    for x, y in given[3:]:
        thinned.step(samples_last(x), y)
    for model, before in enumerate([3, 1]):
        assert_same_bits(thinned.state_of(model), undisturbed.state_of(before))


@pytest.mark.parametrize(
    ("gate", "backbone"), [("attentive", "mlp_table"), ("noisy", "mlp_embedding")]
)
def test_dropout_and_the_layers_beside_it_change_no_bit_of_neighbours(
    gate: str, backbone: str
) -> None:
    assert_company_changes_no_bit(neighbours(gate, backbone=backbone), uneven(IMAGE), fused=False)


def test_dropout_depends_on_seed_and_epoch_and_spares_what_is_frozen() -> None:
    ((x, y),) = batches(1, 64)

    def loss(of: Population) -> float:
        return float(of.losses(samples_last(x), y).detach())

    found = population([trial(backbone="mlp_table")])
    first = loss(found)
    assert loss(found) != first, "another batch, other numbers"
    found.begin_epoch(2)
    assert loss(found) != first
    found.begin_epoch(1)
    assert loss(found) == first
    other = population([trial(backbone="mlp_table", seed=1)])
    other.mixtures.load_states([found.state_of(0)])
    assert loss(other) != first
    found.enter_stage(Stage(1, frozen="experts"), 1)
    experts, again = (found.mixtures.experts(samples_last(x)).outputs_PMCB for _ in range(2))
    assert torch.equal(experts, again)
    gate, again = (found.mixtures.gate_logits(samples_last(x)) for _ in range(2))
    assert not torch.equal(gate, again)


@pytest.mark.usefixtures("compiled")
def test_a_residual_network_has_the_same_bits_alone_and_among_neighbours() -> None:
    specs = neighbours("attentive", backbone="residual")[::2]
    given = batches(1, 33, (3, 8, 8)) + batches(1, 16, (3, 8, 8), seed=1)
    alone = [trained([spec], given, fused=True).state_of(0) for spec in specs]
    together = trained(specs, given, fused=True)
    for model in range(len(specs)):
        assert_same_bits(together.state_of(model), alone[model])


@pytest.mark.usefixtures("double")
def test_neighbours_learn_by_recipes_of_their_own_as_plain_models() -> None:
    assert_learns_as_plain_models(recipes(), batches(8, 12), 1e-9)


def test_recipes_have_the_same_bits_alone_and_among_neighbours() -> None:
    assert_company_changes_no_bit(recipes(), uneven(IMAGE), fused=False)


@pytest.mark.usefixtures("double")
def test_batch_norms_train_as_plain_ones() -> None:
    shape = (3, 8, 8)
    specs = [trial(m, experts=2 + m, backbone="conv") for m in range(2)]
    assert_learns_as_plain_models(specs, batches(15, 12, shape), 1e-8, shape)


@pytest.mark.usefixtures("compiled")
@each_gate
def test_a_hundred_steps_with_the_fused_stem_agree_to_float_tolerance(gate: str) -> None:
    regularizer = Regularizer(kind="importance", weight=0.2)
    spec = trial(experts=4, gate=gate, regularizer=regularizer, training=Training(lr=1e-3))
    assert_learns_as_plain_models([spec], batches(100, 32, LARGE_IMAGE), 1e-4, LARGE_IMAGE, True)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("backbone", "shape"), [("mlp_d64", (30,)), ("digits", IMAGE)])
def test_a_hundred_steps_on_tables_and_small_images_agree_to_float_tolerance(
    backbone: str, shape: tuple[int, ...]
) -> None:
    specs = [
        trial(key, experts=3 + key, backbone=backbone, training=Training(lr=1e-3))
        for key in range(2)
    ]
    assert_learns_as_plain_models(specs, batches(100, 33, shape), 1e-4, shape, fused=True)


@pytest.mark.usefixtures("compiled")
@each_gate
def test_steps_with_fast_convolutions_agree_to_float_tolerance(gate: str) -> None:
    regularizer = Regularizer(kind="importance", weight=0.2)
    training = Training(lr=1e-3, weight_decay=1e-3)
    spec = trial(backbone="conv", gate=gate, regularizer=regularizer, training=training)
    given = batches(10, 32, COLOUR_IMAGE)
    assert_learns_as_plain_models([spec], given, 1e-4, COLOUR_IMAGE, fused=True)


@pytest.mark.usefixtures("compiled")
@each_gate
@pytest.mark.parametrize(
    ("backbone", "shape"), [("conv", COLOUR_IMAGE), ("fashion_mnist", LARGE_IMAGE)]
)
@pytest.mark.parametrize("fused", [True, False])
def test_bfloat16_rounds_the_products_of_training_alone(
    gate: str, backbone: str, shape: tuple[int, ...], fused: bool
) -> None:
    given = batches(3, 32, shape)
    found: dict[str, list[Tensor]] = {}
    for precision in ("float32", "bfloat16"):
        training = Training.model_validate({"lr": 1e-3, "precision": precision})
        specs = [trial(gate=gate, backbone=backbone, training=training)]
        learner = population(specs, shape, fused)
        found[precision] = [learner.step(samples_last(x), y) for x, y in given]
        assert {array.dtype for array in learner.state_of(0).values()} == {np.dtype("float32")}
        logits_PMB, outputs_PMCB = learner.mixtures(samples_last(given[0][0]))
        assert logits_PMB.dtype == outputs_PMCB.dtype == torch.float32
        assert outputs_PMCB.sum(2).allclose(torch.ones(()), atol=1e-5)
    for low, high in zip(found["bfloat16"], found["float32"], strict=True):
        assert not torch.equal(low, high)
        torch.testing.assert_close(low, high, rtol=0.05, atol=0)


def neighbours(gate: str, **model: Any) -> list[TrialSpec]:
    """Ragged trials that differ in all that models in step may differ in."""
    return [
        trial(
            key,
            experts=experts,
            gate=gate,
            temperature=0.7 + 0.4 * key,
            perturbation=0.2 * key,
            regularizer=Regularizer(kind=kind, weight=0.1 + 0.2 * key, similarity_weight=0.5),
            training=Training(lr=1e-3 * (1 + key), weight_decay=1e-3 * key),
            **model,
        )
        for key, (experts, kind) in enumerate(zip((2, 7, 3, 11), KINDS, strict=True))
    ]


def optimized(name: str) -> list[TrialSpec]:
    """Ragged trials with rates and decays of their own, large enough to tell the kinds of decay."""
    return [
        trial(
            key,
            experts=experts,
            training=Training(
                optimizer=name, lr=0.002 * (1 + key), weight_decay=0.5 * key, momentum=0.3 * key
            ),
        )
        for key, experts in enumerate((2, 7, 3, 11))
    ]


def recipes(name: str = "adam") -> list[TrialSpec]:
    """Ragged trials that differ in all that trainings in step may differ in."""
    given: list[dict[str, Any]] = [
        {},
        {"schedule": "cosine", "warmup": 0.2, "label_smoothing": 0.2, "clip": 0.3},
        {"schedule": "step", "step_epochs": 1, "class_weights": "balanced", "clip": 0.5},
        {"schedule": "one_cycle", "label_smoothing": 0.1, "class_weights": "balanced"},
    ]
    usual = {"optimizer": name, "epochs": 1, "batch_size": 12}
    return [
        trial(
            key,
            experts=experts,
            training=Training.model_validate(
                {**usual, "lr": 0.002 * (1 + key), "weight_decay": 0.1 * key, **own}
            ),
        )
        for key, (experts, own) in enumerate(zip((2, 7, 3, 11), given, strict=True))
    ]


def of_terms(gate: str) -> list[TrialSpec]:
    """Ragged trials, each with some of the terms that fit the gate, at weights of its own."""
    routed = GATES[gate].rule is None
    fitting = [
        name
        for name in PLAIN_TERMS
        if TERMS[name].fits(GATES[gate]) and (routed or not TERMS[name].routed)
    ]
    return [
        trial(
            key,
            experts=experts,
            gate=gate,
            temperature=0.7 + 0.4 * key,
            output="top_k",
            regularizer=Regularizer(**dict.fromkeys(fitting[key % 2 :: step], 0.1 * (1 + key))),
        )
        for key, (experts, step) in enumerate(zip((3, 7, 2, 11), (1, 2, 2, 1), strict=True))
    ]


def of_biases(gate: str, k: int) -> list[TrialSpec]:
    """Ragged trials whose biases move at rates of their own, fast enough to change a choice."""
    return [
        trial(
            key,
            experts=experts,
            gate=gate,
            output="top_k",
            top_k=k,
            regularizer=Regularizer(**{"bias_rate": 0.03 * (1 + key), "balance": 0.1 * key}),
        )
        for key, experts in enumerate((3, 7, 2, 11))
    ]


def of_kept_shares() -> list[TrialSpec]:
    """Ragged top-2 trials, half of whose terms see the shares of all experts."""
    return [
        trial(
            key,
            experts=experts,
            output="top_k",
            top_k=2,
            regularizer=Regularizer(
                kind="both", weight=0.3, similarity_weight=0.5, shares=("all", "kept")[key % 2]
            ),
        )
        for key, experts in enumerate((3, 7, 2, 11))
    ]


def similar_neighbours() -> list[TrialSpec]:
    """Ragged trials of L_s that differ in all that L_s has of its own."""
    given: list[dict[str, Any]] = [
        {"distance": "euclidean", "scale": "mean", "weight": 0.3},
        {"distance": "squared", "scale": "mean", "weight": 0.02},
        {"distance": "euclidean", "scale": "authors", "weight": 1e-3},
        {"distance": "squared", "scale": "authors", "weight": 1e-4},
        {"features": "network", "weight": 0.4},
        {"features": "network", "distance": "squared", "weight": 0.5},
    ]
    return [
        trial(key, experts=2 + 3 * (key % 4), regularizer=Regularizer(kind="similarity", **own))
        for key, own in enumerate(given)
    ]


def at_precision(precision: Precision, specs: Sequence[TrialSpec]) -> list[TrialSpec]:
    """The same trials at another precision."""
    changed = []
    for spec in specs:
        configuration = spec.configuration
        training = configuration.training.model_copy(update={"precision": precision})
        changed.append(
            replace(spec, configuration=configuration.model_copy(update={"training": training}))
        )
    return changed


def trained(specs: Sequence[TrialSpec], given: Sequence[Batch], fused: bool) -> Population:
    shape = tuple(given[0][0].shape[1:])
    found = population(specs, shape, fused, features, labels(given))
    for x, y in given:
        found.step(samples_last(x), y)
    return found


def assert_same_bits(found: State, expected: State) -> None:
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert np.array_equal(array, expected[name]), name


def uneven(shape: tuple[int, ...]) -> list[Batch]:
    return batches(3, 50, shape) + batches(2, 33, shape, seed=1) + batches(1, 5, shape, seed=2)


def assert_company_changes_no_bit(
    specs: Sequence[TrialSpec], given: Sequence[Batch], fused: bool
) -> None:
    alone = [trained([spec], given, fused).state_of(0) for spec in specs]
    for company in ([0, 1, 2, 3], [2, 0], [1, 2, 3]):
        together = trained([specs[m] for m in company], given, fused)
        for model, key in enumerate(company):
            assert_same_bits(together.state_of(model), alone[key])


@each_output
@each_gate_with_a_rule
def test_weights_have_the_same_bits_alone_and_among_neighbours(
    gate: str, output: dict[str, Any]
) -> None:
    assert_company_changes_no_bit(neighbours(gate, **output), uneven(IMAGE), fused=False)


@pytest.mark.usefixtures("compiled")
@every_gate
@each_precision
def test_the_fused_stem_has_the_same_bits_alone_and_among_neighbours(
    gate: str, precision: Precision
) -> None:
    specs = at_precision(precision, neighbours(gate))
    assert_company_changes_no_bit(specs, uneven(LARGE_IMAGE), fused=True)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("gate", listed(STACKED, PLAIN_GATES))
def test_compiled_layers_of_tables_have_the_same_bits_alone_and_among_neighbours(gate: str) -> None:
    specs = neighbours(gate, backbone="mlp_d64")
    assert_company_changes_no_bit(specs, uneven((30,)), fused=True)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("gate", "precision"),
    [
        *((gate, "float32") for gate in ("original", "attentive", "cosine", "noisy")),
        ("attentive", "bfloat16"),
    ],
)
def test_fast_convolutions_have_the_same_bits_alone_and_among_neighbours(
    gate: str, precision: Precision
) -> None:
    specs = at_precision(precision, neighbours(gate, backbone="conv"))
    assert_company_changes_no_bit(specs, uneven(COLOUR_IMAGE), fused=True)


def test_losses_have_the_same_bits_alone_and_among_neighbours() -> None:
    specs = neighbours("original")
    ((x, y),) = batches(1, 50)
    losses_P = population(specs).losses(samples_last(x), y)
    for model, spec in enumerate(specs):
        assert torch.equal(population([spec]).losses(samples_last(x), y)[0], losses_P[model])


@pytest.mark.parametrize("kept", [[1, 3], [2], [3, 0], [0, 1, 2, 3]])
@every_gate
def test_those_that_are_kept_go_on_as_if_nobody_had_left(gate: str, kept: list[int]) -> None:
    specs, given = neighbours(gate), uneven(IMAGE)
    undisturbed, thinned = (trained(specs, given[:3], fused=False) for _ in range(2))
    thinned.select(kept)
    assert thinned.specs == tuple(specs[model] for model in kept)
    for training in (undisturbed, thinned):
        training.begin_epoch(2)
        for x, y in given[3:]:
            training.step(samples_last(x), y)
    for model, before in enumerate(kept):
        assert_same_bits(thinned.state_of(model), undisturbed.state_of(before))


@every_gate
def test_a_model_that_diverges_leaves_its_neighbours_alone(gate: str) -> None:
    given = uneven(IMAGE)
    wild = trial(9, experts=5, gate=gate, training=Training(lr=1e30))
    calm = [trial(m, experts=experts, gate=gate) for m, experts in enumerate((2, 8))]
    for specs in ([wild, *calm], [calm[0], wild, calm[1]], [*calm, wild]):
        together = trained(specs, given, fused=False)
        for model, spec in enumerate(specs):
            if spec is not wild:
                alone = trained([spec], given, fused=False)
                assert_same_bits(together.state_of(model), alone.state_of(0))
            else:
                state = together.state_of(model).values()
                assert not all(np.isfinite(array).all() for array in state)


def test_a_state_is_a_copy() -> None:
    given = batches(2, 16)
    found = trained([trial()], given[:1], fused=False)
    state = found.state_of(0)
    before = {name: array.copy() for name, array in state.items()}
    found.step(samples_last(given[1][0]), given[1][1])
    assert_same_bits(state, before)
    assert not np.array_equal(found.state_of(0)["heads.weight"], state["heads.weight"])
