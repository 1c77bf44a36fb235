"""What throughput.py and builds.py train: networks on images, on a table and on embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moe_search.spec import PRESETS, Configuration
from moe_search.spec.backbones import Backbone
from moe_search.spec.kinds.layers import Layer, Linear, Shape, multiply_adds
from moe_search.spec.sections import Data

WEIGHT = 0.2
"""Of the regularizer."""

_SAMPLES = 20_000  # of the synthetic data, a fifth of them for validation


def _dense(*outputs: int) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for width in outputs:
        layers += [Linear(linear=width), "relu"]
    return tuple(layers[:-1])


@dataclass(frozen=True)
class Workload:
    """One network on one data set.

    Attributes:
        shape: of one sample.
        training: samples for training.
        validation: samples for validation.
        epochs: of moe-search in one measurement, so that it takes seconds.
        kinds: regularizers that are measured.
    """

    name: str
    shape: Shape
    classes: int
    experts: int
    backbone: Backbone
    batch: int
    training: int
    validation: int
    epochs: int
    kinds: tuple[str, ...] = ("importance",)

    def source(self, folder: Path) -> Data:
        """What ``load`` reads; synthetic data are in a folder, where ``write`` has put them."""
        if self.name in ("table", "embeddings"):
            path = folder / f"{self.name}.npz"
            return Data(name="arrays", path=path, validation=self.validation)
        return Data(name=self.name, validation=self.validation)

    def write(self, folder: Path) -> None:
        """Put synthetic data into a folder: around a random point of each class, half of it noise.

        Everything else is there already.
        """
        path = self.source(folder).path
        if path is None:
            return
        random = np.random.default_rng(0)
        label_N = random.integers(self.classes, size=_SAMPLES)
        mean_CF = random.normal(size=(self.classes, *self.shape))
        x_NF = (mean_CF[label_N] + random.normal(size=(_SAMPLES, *self.shape))).astype(np.float32)
        some_x_NF, some_label_N = x_NF[:100], label_N[:100]
        np.savez(path, x_train=x_NF, y_train=label_N, x_test=some_x_NF, y_test=some_label_N)

    def configuration(self, kind: str, epochs: int) -> Configuration:
        """A trial's hyperparameters."""
        return Configuration.model_validate(
            {
                "model": {"experts": self.experts},
                "regularizer": {"kind": kind, "weight": WEIGHT},
                "training": {"epochs": epochs, "batch_size": self.batch},
            }
        )

    @property
    def multiply_adds(self) -> int:
        """Of a trial-epoch: forward, and backward for weights and hidden inputs."""
        networks = [(self.backbone.expert, self.classes)] * self.experts
        networks.append((self.backbone.gate, self.experts))
        each = [passes(layers, self.shape, outputs) for layers, outputs in networks]
        training, validation = sum(step for step, _ in each), sum(forward for _, forward in each)
        return self.training * training + self.validation * validation


def passes(layers: Sequence[Layer], shape: Shape, outputs: int) -> tuple[int, int]:
    """Multiply-adds of one sample: of a step, and of a forward pass.

    The first layer that has weights gives no gradient to its input.

    Args:
        layers: the body of a network.
        shape: of its input.
        outputs: of the dense layer behind the body.
    """
    whole = [*layers, Linear(linear=outputs)]
    counts = [multiply_adds(whole[:number], shape) or 0 for number in range(1, len(whole) + 1)]
    return 3 * counts[-1] - next(filter(None, counts)), counts[-1]


_EXPERTS = Backbone(expert=_dense(64, 32), gate=_dense(64, 32))
_BOTH = ("importance", "similarity")

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("mnist", (1, 28, 28), 10, 5, PRESETS["mnist"], 512, 50_000, 10_000, 4, _BOTH),
        Workload("digits", (1, 8, 8), 10, 5, PRESETS["digits"], 64, 1_150, 288, 40),
        Workload("table", (30,), 10, 8, _EXPERTS, 128, 16_000, 4_000, 8),
        Workload("embeddings", (384,), 50, 8, _EXPERTS, 128, 16_000, 4_000, 4),
    )
}
