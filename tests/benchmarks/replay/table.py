"""Tables of real results: what every configuration of a design gave, by seed and epoch.

Shape suffixes: C configuration, S seed, T epoch, D searched hyperparameter.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from benchmarks.replay.design import Points, values_at

from moe_search.search.objective import normalised
from moe_search.spec import Study, Value
from moe_search.spec.file.load import load_study

TABLES = Path(__file__).parents[1] / "tables"
SCALES = {
    "accuracy": 2e3,
    "balanced_accuracy": 2e3,
    "sample_entropy": 50.0,
    "usage_entropy": 50.0,
    "label_information": 50.0,
}
"""Metrics that a table may hold, and the steps to 1 in which it holds them."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Results of a study's space.

    Attributes:
        study: the space, the objective, and how today's default searches it.
        cube_CD: the configurations as points of the unit cube.
        metrics: of the validation split, by name, each [C, S, T]; NaN from where a training failed.
    """

    study: Study
    cube_CD: Points
    metrics: Mapping[str, Floats]

    @cached_property
    def values(self) -> tuple[dict[str, Value], ...]:
        """The hyperparameters of each configuration, by path."""
        return tuple(values_at(self.study, point_D) for point_D in self.cube_CD)

    @cached_property
    def objective_CST(self) -> Floats:
        """The value of the study's objective; a failed training's is below all others."""
        weights = self.study.objective.maximize or {}
        experts = [self.study.configuration(values).model.experts for values in self.values]
        objective_CST = sum(
            weight * _per(name, experts) * self.metrics[name] for name, weight in weights.items()
        )
        return np.where(np.isnan(objective_CST), np.nanmin(objective_CST), objective_CST)

    def save(self) -> Path:
        """Write it where ``load`` finds it."""
        arrays: dict[str, Any] = {"cube": self.cube_CD}
        for name, metric in self.metrics.items():
            arrays[name] = _steps(metric, SCALES[name])
        written = io.BytesIO()
        np.savez_compressed(written, **arrays)
        path = TABLES / f"{self.study.name}.npz"
        path.write_bytes(written.getvalue())
        return path

    @classmethod
    def load(cls, name: str) -> Self:
        """The table of a study of this folder."""
        study = load_study(TABLES / f"{name}.yaml")
        with np.load(TABLES / f"{name}.npz") as kept:
            metrics = {
                metric: _metric(kept[metric], SCALES[metric]) for metric in SCALES if metric in kept
            }
            return cls(study, kept["cube"], metrics)


_FAILED = -1


def _per(name: str, experts: Sequence[int]) -> Floats:
    """What one unit of a metric counts in objectives, [C, 1, 1]."""
    return np.array([[[normalised(name, 1.0, count)]] for count in experts])


def _steps(metric_CST: Floats, scale: float) -> npt.NDArray[np.int16]:
    """Differences from epoch to epoch, as they compress best."""
    steps_CST = np.where(np.isnan(metric_CST), _FAILED, np.round(metric_CST * scale))
    return np.diff(steps_CST, axis=2, prepend=0).astype(np.int16)


def _metric(steps_CST: npt.NDArray[np.int16], scale: float) -> Floats:
    summed_CST = np.cumsum(steps_CST, axis=2, dtype=np.int64)
    return np.where(summed_CST == _FAILED, np.nan, summed_CST / scale)
