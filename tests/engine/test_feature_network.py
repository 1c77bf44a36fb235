"""The network in whose features L_s takes distances.

Shape suffixes: C class, B sample.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from support.small_trials import CLASSES, CPU, architecture, dataset, trial
from torch import Tensor

from moe_search.engine.feature_network import FeatureNetworks
from moe_search.engine.resident import Resident, samples_last
from moe_search.engine.train import Caller, Trainer
from moe_search.engine.trial import Job, Report, TrialResult, TrialSpec
from moe_search.moe.terms.base import Features
from moe_search.spec import Data, Regularizer, Training

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (1, 12, 12)
LEARNING = Training(epochs=12, batch_size=16)


def near(features: Any = "network", **regularizer: Any) -> Regularizer:
    return Regularizer(kind="similarity", features=features, **regularizer)


def networks() -> FeatureNetworks:
    return FeatureNetworks(CPU)


def job(*specs: TrialSpec) -> Job:
    return Job(specs, architecture(specs[0], SHAPE), Data(name="digits"))


def learned(*specs: TrialSpec, data: Resident | None = None) -> Features:
    found = networks().of(job(*specs), data or dataset(shape=SHAPE))
    assert found is not None
    return found


def validation() -> Tensor:
    return samples_last(dataset(shape=SHAPE).validation.x)


def result_of(specs: Sequence[TrialSpec], key: int) -> TrialResult:
    """One trial's result from a job of its own networks."""
    reports: list[Report] = []
    data, given = dataset(shape=SHAPE), job(*specs)
    features = networks().of(given, data)
    Trainer(given, data, CPU, Caller(reports.append), features).run()
    (found,) = (r for r in reports if isinstance(r, TrialResult) and r.key == key)
    return found


def test_no_network_is_trained_where_no_trial_needs_one() -> None:
    others = (
        trial(0, regularizer=near("pixels")),
        trial(1, regularizer=near(weight=0.0)),
        trial(2, regularizer=Regularizer(kind="importance", features="network")),
    )
    assert networks().of(job(*others), dataset()) is None


def test_features_are_far_apart_where_classes_differ() -> None:
    data = dataset(train=300, shape=SHAPE)
    features = learned(trial(regularizer=near(), training=LEARNING), data=data)
    x, y = samples_last(data.validation.x), data.validation.y
    far_BB = y[:, None] != y
    ratios = []
    for x_FB in (x.flatten(0, -2), features(x)):
        distance_BB = torch.cdist(x_FB.t(), x_FB.t())
        ratios.append(float(distance_BB[far_BB].mean() / distance_BB[~far_BB].mean()))
    assert features(x).shape == (CLASSES, len(y))
    assert ratios[1] > 1.5 * ratios[0]


@pytest.mark.parametrize("backbone", ["digits", "conv"])  # conv has batch norms
def test_a_network_is_frozen(backbone: str) -> None:
    features, x = learned(trial(backbone=backbone, regularizer=near())), validation()
    one_by_one = torch.cat([features(x[..., [b]]) for b in range(x.shape[-1])], 1)
    torch.testing.assert_close(features(x), one_by_one, rtol=1e-4, atol=1e-4)
    assert not features(x).requires_grad


def test_all_that_train_in_step_have_the_same_network_wherever_it_is_trained() -> None:
    rate = Training(epochs=3, batch_size=16, lr=0.1, weight_decay=0.1)
    one = learned(trial(0, regularizer=near()))
    other = learned(
        trial(5, experts=7, regularizer=near("pixels"), training=rate),
        trial(6, temperature=3.0, regularizer=near(weight=2.0, distance="squared"), training=rate),
    )
    assert torch.equal(one(validation()), other(validation()))


def test_a_network_is_trained_once() -> None:
    known, data = networks(), dataset(shape=SHAPE)
    first = known.of(job(trial(0, regularizer=near())), data)
    assert known.of(job(trial(1, seed=4, regularizer=near())), data) is first
    longer = Training(epochs=4, batch_size=16)
    assert known.of(job(trial(2, regularizer=near(), training=longer)), data) is not first


def test_a_result_does_not_depend_on_neighbours() -> None:
    specs = [
        trial(0, experts=2, regularizer=near("pixels")),
        trial(1, experts=5, regularizer=near()),
        trial(2, experts=3, regularizer=near(distance="squared")),
    ]
    for spec in specs:
        alone, together = result_of([spec], spec.key), result_of(specs, spec.key)
        for name, array in alone.state.items():
            assert np.array_equal(array, together.state[name]), name


def test_features_and_pixels_train_differently() -> None:
    network, pixels = (
        result_of([trial(regularizer=near(features))], 0).state
        for features in ("network", "pixels")
    )
    assert not np.array_equal(network["gate.head.weight"], pixels["gate.head.weight"])


def test_a_network_whose_loss_is_not_finite_says_so() -> None:
    data = dataset()
    broken = replace(data, train=replace(data.train, x=data.train.x * torch.nan))
    with pytest.raises(ArithmeticError, match="features: the loss is not finite in epoch 1"):
        learned(trial(regularizer=near()), data=broken)


def test_training_a_network_ends_when_the_coordinator_is_gone() -> None:
    def gone() -> Collection[int]:
        raise EOFError

    with pytest.raises(EOFError):
        FeatureNetworks(CPU, gone).of(job(trial(regularizer=near())), dataset())
