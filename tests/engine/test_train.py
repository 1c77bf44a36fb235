"""What a trainer reports of the trials of a job."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from support.reference_model import PlainMixture, inference_gate, mixture_loss
from support.small_trials import (
    CLASSES,
    IMAGE,
    assert_same_results,
    dataset,
    epochs_of,
    failures,
    fused_by,
    plain_of,
    population,
    results,
    train,
    trial,
)
from torch import Tensor

from moe_search.data.mapped import Mapped
from moe_search.engine.augment import augment
from moe_search.engine.resident import OnDisk, Resident, Tensors
from moe_search.engine.seeds import Stream, generator, order
from moe_search.engine.trial import Report, TrialSpec
from moe_search.moe.mixtures import Mixtures
from moe_search.spec import METRICS, Training

pytestmark = pytest.mark.usefixtures("one_thread")


def plain_training(
    spec: TrialSpec, data: Resident, temperatures: Sequence[float] = ()
) -> tuple[PlainMixture, list[float]]:
    """The trial trained the plain way on the same batches, and its mean loss in each epoch."""
    shape = data.shape
    plain = plain_of(population([spec], shape), 0, shape)
    training = spec.configuration.training
    adam = torch.optim.Adam(plain.parameters(), lr=training.lr)
    means = []
    for epoch in range(1, training.epochs + 1):
        if temperatures:
            plain.temperature = temperatures[epoch - 1]
        losses = []
        drawn = generator(spec.seed, Stream.AUGMENTATION, epoch)
        for index in torch.split(order(spec.seed, epoch, len(data.train.y)), training.batch_size):
            x = augment(data.train.x[index], drawn) if data.augment else data.train.x[index]
            loss, _ = mixture_loss(plain, x, data.train.y[index])
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return plain.eval(), means


@pytest.mark.parametrize(
    ("backbone", "augmented"), [("digits", False), ("digits", True), ("fashion_mnist", False)]
)
def test_training_is_that_of_a_plain_model_on_the_same_batches(
    backbone: str, augmented: bool
) -> None:
    spec, data = trial(7, seed=3, backbone=backbone), dataset(augment=augmented)
    result = results(train([spec], data, test=True))[7]
    plain, losses = plain_training(spec, data)
    assert [report.training_loss for report in result.history] == pytest.approx(losses, rel=1e-4)
    assert data.test is not None
    assert result.test is not None
    for split, found in ((data.validation, result.validation), (data.test, result.test)):
        p, outputs = inference_gate(plain.logits(split.x)), plain.outputs(split.x)
        answers: Tensor = (p.unsqueeze(2) * outputs).sum(1).argmax(1)
        assert found.accuracy == pytest.approx((answers == split.y).double().mean().item())
        assert found.loss == pytest.approx(
            mixture_loss(plain, split.x, split.y)[0].item(), rel=1e-3
        )
        assert found.usage_M == pytest.approx(p.detach().mean(0).numpy(), rel=1e-2)


def test_a_schedule_moves_the_temperature_epoch_by_epoch() -> None:
    training = Training(epochs=4, batch_size=16, lr=3e-3)
    moving: dict[str, Any] = {"temperature_schedule": "decay", "temperature_decay": 1.0}
    spec, data = trial(training=training, temperature=2.0, **moving), dataset()
    last = 2.0 / 2 / 3
    reports = train([spec], data)
    plain, losses = plain_training(spec, data, (2.0, 2.0, 1.0, last))
    result = results(reports)[0]
    assert [report.training_loss for report in result.history] == pytest.approx(losses, rel=1e-4)
    assert result.temperature == pytest.approx(last)
    p_BM = inference_gate(plain.logits(data.validation.x))
    assert result.validation.usage_M == pytest.approx(p_BM.detach().mean(0).numpy(), rel=1e-2)


@pytest.mark.parametrize(("dual", "last"), [(1.0, 0.002), (3.0, 2.0)])
def test_distillation_goes_on_at_the_last_temperature(dual: float, last: float) -> None:
    training = Training(epochs=4, batch_size=16, lr=3e-3, distill=True)
    moving: dict[str, Any] = {"temperature_schedule": "quarters", "dual_temperature": dual}
    spec = trial(gate="attentive", temperature=2.0, training=training, **moving)
    result = results(train([spec]))[0]
    assert len(result.history) == 8
    assert result.temperature == pytest.approx(last)


def test_every_epoch_is_reported_and_then_the_results() -> None:
    reports = train([trial(4), trial(2, experts=6)])
    kinds = [(type(report).__name__, report.key) for report in reports]
    assert kinds == [("EpochReport", 4), ("EpochReport", 2)] * 3 + [
        ("TrialResult", 4),
        ("TrialResult", 2),
    ]
    assert epochs_of(reports, 4) == epochs_of(reports, 2) == [1, 2, 3]
    for key, experts in ((4, 3), (2, 6)):
        result = results(reports)[key]
        assert result.complete
        assert result.test is None
        assert result.experts == experts
        assert result.usage_TM.shape == (3, experts)
        assert result.usage_TM.sum(1) == pytest.approx(np.ones(3))
        assert all(report.metrics.keys() == METRICS.keys() for report in result.history)
        assert result.history[-1].metrics == result.validation.metrics()
        assert result.validation.soft_CM.shape == (CLASSES, experts)
        assert result.validation.model_CK.sum() == 40
        assert result.seconds > 0


def test_a_result_rebuilds_the_model() -> None:
    data = dataset()
    result = results(train([trial(experts=5, temperature=0.5)], data))[0]
    model = Mixtures(result.architecture, [result.experts], [0.5]).eval()
    model.load_states([result.state])
    logits_PMB, _ = model(data.validation.x.movedim(0, -1).contiguous())
    assert result.validation.usage_M == pytest.approx(
        logits_PMB[0].softmax(0).mean(1).detach().numpy(), rel=1e-4
    )


@pytest.mark.parametrize("asked", [False, True])
def test_the_test_split_is_evaluated_where_the_job_asks_for_it(asked: bool) -> None:
    result = results(train([trial()], test=asked))[0]
    assert (result.test is not None) == asked
    if result.test is not None:
        assert result.test.model_CK.sum() == 20
    assert_same_results(result, results(train([trial()]))[0])


def test_a_job_that_does_not_ask_never_reads_the_test_split() -> None:
    assert results(train([trial()], replace(dataset(), test=None)))[0].complete


def test_the_same_trial_has_the_same_result_twice() -> None:
    first, second = (results(train([trial(seed=5)]))[0] for _ in range(2))
    assert_same_results(first, second)
    other = results(train([trial(seed=6)]))[0]
    assert not np.array_equal(other.state["heads.weight"], first.state["heads.weight"])


@pytest.mark.parametrize("backbone", ["digits", "mlp"])
def test_a_result_does_not_depend_on_neighbours(backbone: str) -> None:
    data = dataset(shape=IMAGE if backbone == "digits" else (6,))
    specs = [
        trial(m, experts=n, backbone=backbone, temperature=1.0 + m) for m, n in enumerate((3, 9, 6))
    ]
    together = results(train(specs, data))
    for spec in specs:
        assert_same_results(results(train([spec], data))[spec.key], together[spec.key])


def test_a_dropped_trial_is_reported_as_it_stands_and_the_others_go_on() -> None:
    specs = [trial(m, experts=2 + m) for m in range(3)]

    def drop(reports: list[Report]) -> Collection[int]:
        return {1} if epochs_of(reports, 1) == [1, 2] else ()

    reports = train(specs, drop=drop)
    assert epochs_of(reports, 1) == [1, 2]
    dropped = results(reports)[1]
    assert not dropped.complete
    assert len(dropped.history) == 2
    assert dropped.history[-1].metrics == dropped.validation.metrics()
    for key in (0, 2):
        assert_same_results(results(reports)[key], results(train(specs))[key])
        assert results(reports)[key].complete


def test_training_ends_when_every_trial_is_dropped() -> None:
    reports = train([trial(0), trial(1)], drop=lambda reports: {0, 1})
    assert epochs_of(reports, 0) == epochs_of(reports, 1) == [1]
    assert [result.complete for result in results(reports).values()] == [False, False]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_trial_whose_loss_is_not_finite_fails_alone(place: int) -> None:
    wild = Training(epochs=3, batch_size=16, lr=1e30)
    specs = [trial(m, experts=(5, 2, 8)[m]) for m in range(3)]
    specs[place] = trial(place, experts=5, training=wild)
    reports = train(specs)
    assert list(failures(reports)) == [place]
    assert "not finite in epoch 1" in failures(reports)[place]
    assert results(reports).keys() == {0, 1, 2} - {place}
    assert not epochs_of(reports, place)
    for key, result in results(reports).items():
        assert_same_results(result, results(train([specs[key]]))[key])


def test_weights_that_leave_the_numbers_in_the_last_step_fail_the_trial() -> None:
    training = Training(epochs=1, batch_size=100, lr=1e30)
    reports = train([trial(training=training)])
    assert "nan in validation" in failures(reports)[0]
    assert not results(reports)


@pytest.mark.parametrize("backbone", ["digits", "fashion_mnist"])
def test_a_last_batch_of_one_sample_is_left_out(backbone: str) -> None:
    data = dataset(train=17, shape=(1, 12, 12))
    result = results(train([trial(backbone=backbone)], data))[0]
    assert np.isfinite([report.training_loss for report in result.history]).all()
    kept = order(0, 1, 17)[:16]
    whole = replace(data, train=replace(data.train, x=data.train.x[kept], y=data.train.y[kept]))
    short = trial(backbone=backbone, training=Training(epochs=1, batch_size=16, lr=3e-3))
    assert results(train([short], whole))[0].history[0].training_loss == pytest.approx(
        result.history[0].training_loss, rel=1e-4
    )


def test_a_validation_split_may_end_in_a_batch_of_one_sample() -> None:
    data = dataset()
    many = torch.arange(1025) % 40
    validation = replace(data.validation, x=data.validation.x[many], y=data.validation.y[many])
    result = results(train([trial()], replace(data, validation=validation)))[0]
    assert result.validation.model_CK.sum() == 1025


def test_a_single_network_has_one_expert_that_gets_everything() -> None:
    result = results(train([trial(kind="single", experts=4)]))[0]
    assert result.experts == 1
    assert result.architecture.gate is None
    assert (result.usage_TM == 1).all()
    assert result.history[-1].metrics["sample_entropy"] == 0


def test_models_learn() -> None:
    training = Training(epochs=15, batch_size=16, lr=1e-2)
    history = results(train([trial(training=training)], dataset(train=300)))[0].history
    assert history[-1].training_loss < history[0].training_loss / 2
    assert history[-1].metrics["accuracy"] > 0.8


def test_trials_that_differ_only_in_what_each_model_has_of_its_own_can_train_in_step() -> None:
    one = trial(0, experts=3, temperature=1.0, training=Training(lr=1e-3, weight_decay=0.1))
    other = trial(1, experts=9, temperature=2.0, training=Training(lr=1e-2))
    assert fused_by(one) == fused_by(other)
    ignored = trial(2, top_k=3), trial(3, top_k=2)
    assert fused_by(ignored[0]) == fused_by(ignored[1])


@pytest.mark.parametrize(
    "other",
    [
        trial(seed=1),
        trial(gate="attentive"),
        trial(output="stochastic"),
        trial(dual_temperature=2.0),
        trial(gate="soft"),
        trial(kind="single"),
        trial(backbone="mlp"),
        trial(training=Training(epochs=3, batch_size=17)),
        trial(training=Training(epochs=4, batch_size=16)),
        trial(training=Training(epochs=3, batch_size=16, lr=3e-3, precision="bfloat16")),
    ],
)
def test_trials_that_differ_in_what_models_share_cannot_train_in_step(other: TrialSpec) -> None:
    assert fused_by(trial()) != fused_by(other)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(
    "training",
    [
        None,
        Training(epochs=3, batch_size=16, schedule="cosine", warmup=1.0),
        Training(epochs=3, batch_size=16, class_weights="balanced"),
    ],
    ids=["plain", "schedule", "class weights"],
)
def test_on_all_is_a_training_on_both_splits_one_behind_the_other(
    on_disk: bool, training: Training | None
) -> None:
    spec, data = replace(trial(7, seed=3, training=training), on_all=True), dataset()
    x = torch.cat([data.train.x, data.validation.x])
    y = torch.cat([data.train.y, data.validation.y])
    joined = replace(data, train=Tensors(x, y))
    (expected,) = results(train([replace(spec, on_all=False)], joined)).values()
    if on_disk:
        stored = Mapped(data.validation.x.numpy())
        validation = Tensors(OnDisk(stored, torch.device("cpu")), data.validation.y)
        data = replace(data, validation=validation)
    (found,) = results(train([spec], data)).values()
    assert_same_results(found, expected)
    assert (found.on_all, expected.on_all) == (True, False)


def test_what_trains_on_all_has_other_company() -> None:
    spec = trial(7)
    assert fused_by(replace(spec, on_all=True)) != fused_by(spec)
