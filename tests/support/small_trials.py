"""Small trials, data and populations for tests of the engine."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from moe_search.engine.checkpoints import Checkpoint, Checkpoints
from moe_search.engine.hardware import Hardware
from moe_search.engine.population import Population
from moe_search.engine.resident import Resident, Tensors
from moe_search.engine.stages import stages
from moe_search.engine.train import Caller, Trainer
from moe_search.engine.trial import (
    EpochReport,
    Job,
    Report,
    TrialFailure,
    TrialResult,
    TrialSpec,
    fusion_key,
)
from moe_search.moe.architecture import Architecture
from moe_search.moe.terms.base import Features
from moe_search.spec import PRESETS, Configuration, Data, Model, Regularizer, Training
from support.reference_model import PlainMixture, layer_list

CLASSES = 4
CPU = Hardware(torch.device("cpu"))
IMAGE = (1, 8, 8)
LARGE_IMAGE = (1, 17, 18)
"""Large enough for the fused stem."""
COLOUR_IMAGE = (3, 16, 16)

Batch = tuple[Tensor, Tensor]
Drops = Callable[[list[Report]], Collection[int]]


def trial(
    key: int = 0,
    *,
    experts: int = 3,
    seed: int = 0,
    regularizer: Regularizer | None = None,
    training: Training | None = None,
    backbone: str = "digits",
    **model: Any,
) -> TrialSpec:
    """A trial; what is not named is as in a configuration's defaults, but for small sizes."""
    configuration = Configuration(
        model=Model(experts=experts, backbone=backbone, **model),
        regularizer=regularizer or Regularizer(),
        training=training or Training(epochs=3, batch_size=16, lr=3e-3),
    )
    return TrialSpec(key, configuration, seed)


def architecture(spec: TrialSpec, shape: tuple[int, ...] = IMAGE) -> Architecture:
    """That of a trial's model."""
    name = spec.configuration.model.backbone
    assert isinstance(name, str)
    return Architecture.of(spec.configuration, PRESETS[name], shape, CLASSES)


def fused_by(spec: TrialSpec, shape: tuple[int, ...] = IMAGE) -> Hashable:
    """That of trials which can train in step."""
    return fusion_key(spec, architecture(spec, shape))


def population(
    specs: Sequence[TrialSpec],
    shape: tuple[int, ...] = IMAGE,
    fused: bool = False,
    features: Features | None = None,
    label_N: Tensor | None = None,
) -> Population:
    """The trials as a population on the CPU."""
    first, *_ = stages(specs[0].configuration)
    hardware = replace(CPU, fused=fused)
    return Population(specs, architecture(specs[0], shape), first, hardware, features, label_N)


def batches(count: int, size: int, shape: tuple[int, ...] = IMAGE, seed: int = 0) -> list[Batch]:
    """Random samples [size, ...] of the default type whose classes can be learned."""
    random = Generator().manual_seed(seed)
    means = torch.randn(CLASSES, *shape, generator=random)
    found = []
    for _ in range(count):
        y = torch.randint(CLASSES, (size,), generator=random)
        found.append((means[y] + torch.randn(size, *shape, generator=random), y))
    return found


def dataset(train: int = 70, shape: tuple[int, ...] = IMAGE, augment: bool = False) -> Resident:
    """Splits of random data with a test split."""
    (batch,) = batches(1, train + 60, shape)
    parts = [torch.split(tensor, [train, 40, 20]) for tensor in batch]
    splits = [Tensors(x, y) for x, y in zip(*parts, strict=True)]
    return Resident(splits[0], splits[1], splits[2], CLASSES, augment)


def plain_of(population: Population, model: int, shape: tuple[int, ...] = IMAGE) -> PlainMixture:
    """A plain model with a population's weights, of the default type."""
    chosen = population.specs[model].configuration.model
    assert isinstance(chosen.backbone, str)
    backbone = PRESETS[chosen.backbone]
    kind = population.architecture.gate or "single"
    plain = PlainMixture(
        layer_list(backbone.expert),
        layer_list(backbone.gate),
        shape,
        CLASSES,
        1 if kind == "single" else chosen.experts,
        kind,
        chosen.temperature,
    )
    plain.load(population.state_of(model))
    return plain


def train(
    specs: Sequence[TrialSpec],
    data: Resident | None = None,
    test: bool = False,
    drop: Drops = lambda reports: (),
    checkpoints: Checkpoints | None = None,
    resumed: Mapping[int, Checkpoint] | None = None,
) -> list[Report]:
    """All that is reported; ``drop`` is asked after each epoch, given what was reported so far."""
    given = data or dataset()
    job = Job(tuple(specs), architecture(specs[0], given.shape), Data(name="digits"), test)
    reports: list[Report] = []
    Trainer(
        job,
        given,
        CPU,
        Caller(reports.append, lambda: drop(reports)),
        checkpoints=checkpoints,
        resumed=resumed,
    ).run()
    return reports


def results(reports: Sequence[Report]) -> dict[int, TrialResult]:
    return {report.key: report for report in reports if isinstance(report, TrialResult)}


def failures(reports: Sequence[Report]) -> dict[int, str]:
    return {report.key: report.reason for report in reports if isinstance(report, TrialFailure)}


def epochs_of(reports: Sequence[Report], key: int) -> list[int]:
    return [r.epoch for r in reports if isinstance(r, EpochReport) and r.key == key]


def assert_same_results(found: TrialResult, expected: TrialResult) -> None:
    """In every bit but the seconds."""
    for ours, theirs in zip(found.history, expected.history, strict=True):
        assert (ours.epoch, ours.metrics) == (theirs.epoch, theirs.metrics)
        assert ours.training_loss == theirs.training_loss
        assert np.array_equal(ours.usage_M, theirs.usage_M)
    for name, array in found.state.items():
        assert np.array_equal(array, expected.state[name]), name
    assert found.validation.metrics() == expected.validation.metrics()
