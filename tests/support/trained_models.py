"""Small trained models on random data, for tests of what is kept of them."""

from typing import Any

import torch

from moe_search.engine.hardware import Hardware
from moe_search.engine.resident import Resident, Tensors
from moe_search.engine.train import Caller, Trainer
from moe_search.engine.trial import Job, Report, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.package.config import Card
from moe_search.spec import Configuration, Data, resolve_backbone

CLASSES = ("cat", "dog", "žluťoučký kůň")
CARD = Card("random", CLASSES, (0.4,), (0.3,))
IMAGE = (1, 8, 8)
CPU = Hardware(torch.device("cpu"))


def random_dataset(shape: tuple[int, ...]) -> Resident:
    """Forty normalised samples a split."""
    drawn = torch.Generator().manual_seed(7)
    splits = []
    for _ in range(3):
        x = torch.randn(40, *shape, generator=drawn)
        splits.append(Tensors(x, torch.randint(len(CLASSES), (40,), generator=drawn)))
    train, validation, test = splits
    return Resident(train, validation, test, len(CLASSES), augment=False)


def train_model(
    seed: int = 0,
    epochs: int = 3,
    test: bool = False,
    shape: tuple[int, ...] = IMAGE,
    regularizer: dict[str, Any] | None = None,
    **model: Any,
) -> TrialResult:
    """Trains one model for real."""
    sections = {
        "model": {"experts": 4, "temperature": 0.7, **model},
        "regularizer": regularizer or {},
        "training": {"epochs": epochs, "batch_size": 20},
    }
    configuration = Configuration.model_validate(sections)
    preset = "digits" if shape == IMAGE else None
    backbone = resolve_backbone(configuration.model, preset, shape, len(CLASSES))
    reports: list[Report] = []
    shared = Architecture.of(configuration, backbone, shape, len(CLASSES))
    job = Job((TrialSpec(0, configuration, seed),), shared, Data(name="digits"), test)
    Trainer(job, random_dataset(shape), CPU, Caller(reports.append)).run()
    (result,) = (report for report in reports if isinstance(report, TrialResult))
    return result
