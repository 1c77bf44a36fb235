"""The contract of a backbone of one's own.

In the tests of the package that declares it::

    from moe_search.testing import BackboneContract

    class TestMine(BackboneContract):
        name = "mine"
        shapes = ((1, 28, 28), (3, 32, 32))
"""

from typing import ClassVar, Literal

import torch

from moe_search.engine.hardware import Hardware
from moe_search.engine.resident import Resident, Tensors
from moe_search.engine.train import Caller, Trainer
from moe_search.engine.trial import Job, Report, TrialResult, TrialSpec
from moe_search.moe.architecture import Architecture
from moe_search.spec import PRESETS, Configuration, Data, Model, Training, resolve_backbone
from moe_search.spec.kinds.installed import GROUP, build, installed
from moe_search.spec.kinds.layers import Shape

_SAMPLES = 64


class BackboneContract:
    """Tests that pytest runs for a subclass whose name starts with Test.

    Attributes:
        name: under which the backbone is installed.
        shapes: of the samples it serves, (C, H, W) or (F,).
        classes: numbers of classes it serves.
        gates: the kinds of gate it serves; an attentive one needs bodies that end equally wide.
    """

    name: ClassVar[str]
    shapes: ClassVar[tuple[Shape, ...]] = ((1, 28, 28), (3, 32, 32))
    classes: ClassVar[tuple[int, ...]] = (2, 10)
    gates: ClassVar[tuple[Literal["original", "attentive"], ...]] = ("original", "attentive")

    def test_it_is_installed_under_a_name_of_its_own(self) -> None:
        assert self.name in installed(), f"no installed package declares it in {GROUP}"
        assert self.name not in ("auto", *PRESETS), "moe-search has a backbone of this name"

    def test_its_networks_are_the_same_each_time(self) -> None:
        for shape in self.shapes:
            for classes in self.classes:
                first, again = (build(self.name, shape, classes) for _ in range(2))
                assert first == again, (shape, classes)

    def test_it_serves_its_gates_and_learns_its_training_data(self) -> None:
        for shape in self.shapes:
            for classes in self.classes:
                for gate in self.gates:
                    losses = _losses(self.name, shape, classes, gate)
                    assert losses[-1] < losses[0], (shape, classes, gate, losses)


def _losses(
    name: str, shape: Shape, classes: int, gate: Literal["original", "attentive"]
) -> list[float]:
    """Mean training loss of each epoch on noise."""
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(_SAMPLES, *shape, generator=drawn)
    split = Tensors(x, torch.arange(_SAMPLES) % classes)
    data = Resident(split, split, None, classes, augment=False)
    configuration = Configuration(
        model=Model(backbone=name, gate=gate, experts=2), training=Training(epochs=5, batch_size=16)
    )
    backbone = resolve_backbone(configuration.model, None, shape, classes)
    reports: list[Report] = []
    shared = Architecture.of(configuration, backbone, shape, classes)
    job = Job((TrialSpec(0, configuration, seed=0),), shared, Data(name="digits"))
    Trainer(job, data, Hardware(torch.device("cpu")), Caller(reports.append)).run()
    result = reports[-1]
    assert isinstance(result, TrialResult), result
    return [report.training_loss for report in result.history]
