"""Experts trained before their gate, and once more after it: what plain modules would learn.

Shape suffixes: B sample, M expert, C class.
"""

from typing import Any

import pytest
import torch
from support.recipes import EPOCHS, FIRST, SECOND, Loss, assert_same_weights, learn, recipe
from support.reference_model import PlainMixture
from support.small_trials import (
    assert_same_results,
    dataset,
    epochs_of,
    failures,
    fused_by,
    plain_of,
    population,
    results,
    train,
)
from torch import Tensor

from moe_search.engine.seeds import Stream, generator
from moe_search.engine.stages import last_epoch, stages
from moe_search.engine.trial import TrialSpec
from moe_search.spec import Regularizer

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (3, 8, 8)  # for experts with batch norms
BEFORE = 2  # epochs of the pretraining, numbered behind the others
GROUPS, OWNERS = "0,3|2|1", (0, 2, 1, 0)
RECIPES: tuple[dict[str, Any], ...] = (
    {"pretraining": "peeking"},
    {"pretraining": "class_groups"},
    {"pretraining": "class_groups", "freeze_experts": False},
    {"retrain_experts": "same"},
    {"retrain_experts": "new"},
    {"pretraining": "class_groups", "retrain_experts": "new"},
)

each_recipe = pytest.mark.parametrize(
    "training", RECIPES, ids=lambda r: "-".join(map(str, r.values()))
)


def pretrained(key: int = 0, **training: Any) -> TrialSpec:
    given = {"pretraining_epochs": BEFORE, "class_groups": GROUPS, **training}
    return recipe(key, given, seed=3, backbone="conv", temperature=1.3)


def plain(spec: TrialSpec, entered: int | None = None) -> PlainMixture:
    """A plain model with the weights a trial starts from, or with which it enters a stage."""
    found = population([spec], SHAPE)
    if entered is not None:
        found.enter_stage(stages(spec.configuration)[entered], EPOCHS)
    return plain_of(found, 0, SHAPE)


def of_chosen(model: PlainMixture, x: Tensor, y: Tensor, chosen: list[int]) -> Tensor:
    """-log(o[y] + 1e-7) of one expert for each sample, mean over the batch."""
    outputs_BMC = model.outputs(x)
    losses = [
        -torch.log(outputs_BMC[sample, expert, label] + 1e-7)
        for sample, (expert, label) in enumerate(zip(chosen, y.tolist(), strict=True))
    ]
    return torch.stack(losses).mean()


def of_owner(epoch: int) -> Loss:
    return lambda model, x, y: of_chosen(model, x, y, [OWNERS[label] for label in y.tolist()])


def of_least_surprised(epoch: int) -> Loss:
    """Of the winner by softmin of self-information in bits plus noise; for three experts."""
    drawn = [generator(3, Stream.PEEKING, epoch, expert) for expert in range(3)]

    def loss(model: PlainMixture, x: Tensor, y: Tensor) -> Tensor:
        noise_BM = torch.stack([torch.randn(len(y), generator=one) for one in drawn], 1)
        with torch.no_grad():
            right_BM = model.outputs(x).gather(2, y[:, None, None].expand(-1, 3, 1)).squeeze(2)
        p_BM = torch.softmax(-(-torch.log2(right_BM + 1e-15) + noise_BM), 1)
        return of_chosen(model, x, y, p_BM.argmax(1).tolist())

    return loss


def set_momentum(model: PlainMixture, momentum: float) -> None:
    for norm in model.experts.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = momentum


@pytest.mark.usefixtures("double")
def test_peeking_experts_and_then_their_gate_are_those_of_plain_modules() -> None:
    """The gate alone for half of the epochs, then all with a fresh optimiser."""
    spec, data = pretrained(pretraining="peeking"), dataset(shape=SHAPE)
    model = plain(spec)
    set_momentum(model, 1 - 0.9**0.5)  # the plain loss evaluates the experts twice
    learn(model, model.experts, spec, data, (EPOCHS + 1, EPOCHS + 2), of_least_surprised)
    model.experts.eval()
    assert model.gate is not None
    losses = learn(model, model.gate, spec, data, FIRST[:1])
    set_momentum(model, 0.1)
    model.experts.train()
    losses += learn(model, model, spec, data, FIRST[1:])

    result = results(train([spec], data))[0]
    assert [report.epoch for report in result.history] == [*FIRST]
    assert [report.training_loss for report in result.history] == pytest.approx(losses, rel=1e-8)
    assert_same_weights(result, plain(spec), model)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("frozen", [True, False])
def test_experts_of_class_groups_and_then_their_gate_are_those_of_plain_modules(
    frozen: bool,
) -> None:
    spec = pretrained(pretraining="class_groups", freeze_experts=frozen)
    data, model = dataset(shape=SHAPE), plain(spec)
    learn(model, model.experts, spec, data, (EPOCHS + 1, EPOCHS + 2), of_owner)
    model.experts.train(not frozen)
    assert model.gate is not None
    losses = learn(model, model.gate if frozen else model, spec, data, FIRST)

    result = results(train([spec], data))[0]
    assert [report.training_loss for report in result.history] == pytest.approx(losses, rel=1e-8)
    assert_same_weights(result, plain(spec), model)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("again", ["same", "new"])
def test_experts_trained_again_under_a_frozen_gate_are_those_of_plain_modules(again: str) -> None:
    spec, data = pretrained(retrain_experts=again), dataset(shape=SHAPE)
    model, start = plain(spec), plain(spec)
    losses = learn(model, model, spec, data, FIRST)
    fresh = plain(spec, entered=1)
    for one, other in zip(fresh.experts.parameters(), start.experts.parameters(), strict=True):
        if one.ndim > 1:  # batch norms are not drawn
            assert torch.equal(one, other) == (again == "same")
    model.experts.load_state_dict(fresh.experts.state_dict())
    assert model.gate is not None
    model.gate.eval()
    losses += learn(model, model.experts, spec, data, SECOND)

    result = results(train([spec], data))[0]
    assert [report.epoch for report in result.history] == [*FIRST, *SECOND]
    assert [report.training_loss for report in result.history] == pytest.approx(losses, rel=1e-8)
    assert_same_weights(result, plain(spec), model)


@each_recipe
@pytest.mark.parametrize(
    "model", [{"gate": "original"}, {"gate": "attentive", "output": "top_k", "top_k": 1}]
)
def test_company_changes_no_bit(training: dict[str, Any], model: dict[str, Any]) -> None:
    """Beside others with more experts, and after one has left in the middle."""
    regularizer = Regularizer(kind="importance", weight=0.1)
    specs = [
        recipe(
            key,
            {**training, "pretraining_epochs": BEFORE, "lr": 1e-3 * (1 + key)},
            experts=experts,
            regularizer=regularizer,
            **model,
        )
        for key, experts in enumerate((2, 4, 3))
    ]
    leaving = results(train(specs, drop=lambda reports: {1} if epochs_of(reports, 1) else ()))
    assert not leaving[1].complete
    for spec in specs[::2]:
        assert_same_results(results(train([spec]))[spec.key], leaving[spec.key])


def test_a_pretraining_whose_loss_is_not_finite_fails_alone() -> None:
    specs = [
        recipe(key, {"pretraining": "peeking", "pretraining_epochs": BEFORE, "lr": lr})
        for key, lr in enumerate((1e-3, 1e30))
    ]
    reports = train(specs)
    assert "not finite in the pretraining" in failures(reports)[1]
    assert_same_results(results(reports)[0], results(train(specs[:1]))[0])


@each_recipe
def test_recipes_have_lengths_of_their_own_and_train_apart(training: dict[str, Any]) -> None:
    spec = recipe(0, {**training, "pretraining_epochs": BEFORE})
    assert fused_by(spec) != fused_by(recipe())
    assert last_epoch(spec.configuration) == EPOCHS * (1 + ("retrain_experts" in training))
    result = results(train([spec]))[0]
    assert result.history[-1].epoch == last_epoch(spec.configuration)


def test_pretrained_experts_know_their_own_classes() -> None:
    data = dataset(train=300)
    given = {"pretraining": "class_groups", "class_groups": GROUPS, "pretraining_epochs": 15}
    result = results(train([recipe(0, {**given, "lr": 1e-2, "epochs": 15})], data))[0]
    found_C = result.validation.hard_CM.argmax(1)
    assert tuple(found_C) == OWNERS
    assert result.validation.accuracy > 0.8
