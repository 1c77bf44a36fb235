"""Trainings of several stages: what each trains is what plain modules would learn."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
import torch
from support.recipes import EPOCHS, FIRST, SECOND, assert_same_weights, learn, recipe
from support.reference_model import PlainNetwork
from support.small_trials import (
    IMAGE,
    LARGE_IMAGE,
    assert_same_results,
    batches,
    dataset,
    epochs_of,
    fused_by,
    plain_of,
    population,
    results,
    train,
    trial,
)
from torch import nn

from moe_search.engine.population import Population
from moe_search.engine.resident import samples_last
from moe_search.engine.stages import (
    last_epoch,
    numbered,
    place_in_stage,
    stages,
    steps_of_epoch,
)
from moe_search.engine.trial import Report, TrialSpec
from moe_search.spec import Regularizer, Training

pytestmark = pytest.mark.usefixtures("one_thread")


def distilled(key: int = 0, training: dict[str, Any] | None = None, **given: Any) -> TrialSpec:
    return recipe(key, {"distill": True, **(training or {})}, gate="attentive", **given)


def attentive(key: int = 0, **given: Any) -> TrialSpec:
    """The same trial without its second stage."""
    return distilled(key, training={"distill": False}, **given)


def gate_drawn(spec: TrialSpec, shape: tuple[int, ...]) -> Population:
    """The population as it enters its second stage, of which only the gate's head is looked at."""
    found = population([spec], shape)
    found.enter_stage(stages(spec.configuration)[1], EPOCHS)
    return found


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("backbone", "shape"), [("digits", IMAGE), ("fashion_mnist", IMAGE), ("conv", (3, 8, 8))]
)
def test_distillation_is_that_of_plain_modules(backbone: str, shape: tuple[int, ...]) -> None:
    """With batch norms in no network, in the gate's alone, and in the experts', too."""
    spec, data = distilled(seed=3, backbone=backbone, temperature=1.3), dataset(shape=shape)
    teacher = plain_of(population([spec], shape), 0, shape)
    for norm in teacher.experts.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1 - 0.9**0.5  # gate and mixture each evaluate the plain experts
    losses = learn(teacher, teacher, spec, data, FIRST)

    student = plain_of(gate_drawn(spec, shape), 0, shape)
    student.experts.load_state_dict(teacher.experts.state_dict())
    assert isinstance(student.gate, PlainNetwork)
    assert isinstance(teacher.gate, PlainNetwork)
    student.gate.body.load_state_dict(teacher.gate.body.state_dict())
    student.experts.eval()
    losses += learn(student, student.gate, spec, data, SECOND)

    result = results(train([spec], data))[0]
    assert [report.epoch for report in result.history] == [*FIRST, *SECOND]
    assert [report.training_loss for report in result.history] == pytest.approx(losses, rel=1e-9)
    ours = plain_of(gate_drawn(spec, shape), 0, shape)
    assert_same_weights(result, ours, student)


def test_the_experts_are_those_of_the_first_stage_in_every_bit() -> None:
    """Whatever their batch norms see: and the first stage is a training of its own."""
    data = dataset(shape=(3, 8, 8))
    both = results(train([distilled(backbone="conv")], data))[0]
    first = results(train([attentive(backbone="conv")], data))[0]
    assert "bodies.stages.1.running_mean" in first.state
    for name, array in first.state.items():
        if not name.startswith("gate."):
            assert np.array_equal(both.state[name], array), name
    moved = both.state["gate.body.stages.1.running_mean"]
    assert not np.array_equal(moved, first.state["gate.body.stages.1.running_mean"])
    for ours, theirs in zip(both.history[:EPOCHS], first.history, strict=True):
        assert (ours.metrics, ours.training_loss) == (theirs.metrics, theirs.training_loss)


def test_the_result_is_an_original_gates_model() -> None:
    result = results(train([distilled(experts=4)], test=True))[0]
    assert result.architecture.gate == "original"
    assert result.state["gate.head.weight"].shape[0] == 4
    assert not {name for name in result.state if "query" in name or "key" in name}
    assert result.complete
    assert result.test is not None


def test_distillation_uses_neither_regularizer_nor_weight_decay() -> None:
    """Experts and gate start alike where only the second stage differs from nothing."""
    plain = stages(distilled().configuration)[1]
    losses = []
    for regularizer, decay in ((Regularizer(), 0.0), (Regularizer(kind="both", weight=9.0), 0.5)):
        spec = distilled(regularizer=regularizer, training={"weight_decay": decay})
        found = population([spec])
        found.enter_stage(plain, EPOCHS)
        steps = [found.step(samples_last(x), y) for x, y in batches(5, 16)]
        losses.append(torch.stack(steps))
    assert torch.equal(*losses)


def test_company_changes_no_bit_in_any_stage() -> None:
    specs = [
        distilled(
            m,
            experts=experts,
            temperature=0.7 + m,
            regularizer=Regularizer(kind="importance", weight=0.1 * m),
            training={"lr": 1e-3 * (1 + m), "weight_decay": 1e-3 * m},
        )
        for m, experts in enumerate((3, 9, 6))
    ]
    together = results(train(specs))

    def drop(reports: list[Report]) -> Collection[int]:
        return {1} if epochs_of(reports, 1)[-1] == EPOCHS + 1 else ()

    thinned = results(train(specs, drop=drop))
    assert not thinned[1].complete
    assert thinned[1].architecture.gate == "original"
    for spec in specs:
        alone = results(train([spec]))[spec.key]
        assert_same_results(alone, together[spec.key])
        if spec.key != 1:
            assert_same_results(alone, thinned[spec.key])


def test_one_that_is_stopped_in_the_first_stage_has_that_stages_gate() -> None:
    dropped = results(train([distilled()], drop=lambda reports: {0}))[0]
    assert dropped.architecture.gate == "attentive"
    assert [report.epoch for report in dropped.history] == [1]


@pytest.mark.usefixtures("compiled")
def test_the_fused_stem_agrees_where_experts_are_frozen() -> None:
    spec = distilled(seed=1, training={"lr": 1e-3})
    states = []
    for fused in (False, True):
        found = population([spec], LARGE_IMAGE, fused)
        found.enter_stage(stages(spec.configuration)[1], EPOCHS)
        for x, y in batches(20, 32, LARGE_IMAGE):
            found.step(samples_last(x), y)
        states.append(found.state_of(0))
    for name, array in states[0].items():
        np.testing.assert_allclose(states[1][name], array, rtol=1e-2, atol=1e-3, err_msg=name)


def test_stages_decide_who_can_train_in_step() -> None:
    assert fused_by(distilled()) != fused_by(attentive())
    assert last_epoch(distilled().configuration) == 2 * EPOCHS
    assert last_epoch(attentive().configuration) == EPOCHS


def test_an_epochs_steps_leave_out_a_last_batch_of_one_sample() -> None:
    given = ((16, 16), (17, 16), (18, 16), (48, 16), (1, 16))
    assert [steps_of_epoch(*each) for each in given] == [1, 1, 2, 3, 1]


def test_an_epoch_has_its_place_in_its_stage() -> None:
    configuration = trial(
        gate="attentive",
        training=Training(epochs=3, pretraining="peeking", pretraining_epochs=2, distill=True),
    ).configuration
    for _, epochs in numbered(configuration):
        places = [place_in_stage(configuration, epoch) for epoch in epochs]
        assert places == [*range(len(epochs))]
