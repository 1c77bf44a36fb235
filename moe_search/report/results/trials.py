"""Every trial of a study as a point in its charts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.report.results.summary import Summary
from moe_search.search.ledger import TrialRecord
from moe_search.search.study_store import COUNTED
from moe_search.spec import METRICS, Study, Value

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class TrialPoint:
    """A trial that was trained, to its end or until it was pruned.

    Attributes:
        name: of its network, in a few words.
        value: the first objective; None of a pruned trial.
        metrics: on validation by name, entropies in bits.
        parameters: the searched values by path.
        seconds: that its training took.
        run_id: in MLflow.
    """

    trial: int
    name: str
    value: float | None
    metrics: Mapping[str, float]
    parameters: Mapping[str, Value]
    seconds: float
    run_id: str

    @property
    def accuracy(self) -> float:
        """On validation."""
        return self.metrics["accuracy"]

    @property
    def sample_entropy(self) -> float:
        """On validation, in bits."""
        return self.metrics["sample_entropy"]


@dataclass(frozen=True)
class Mark:
    """What was measured on the test split: a finalist's mean, or what others report.

    Attributes:
        accuracy, sample_entropy: the latter in bits.
    """

    name: str
    accuracy: float
    sample_entropy: float
    reference: bool


class HasAccuracyAndEntropy(Protocol):
    """What has a place in the plane of accuracy and sample entropy."""

    @property
    def accuracy(self) -> float: ...
    @property
    def sample_entropy(self) -> float: ...


_P = TypeVar("_P", bound=HasAccuracyAndEntropy)


def marks(summary: Summary) -> list[Mark]:
    """The finalists, then the references that tell both numbers."""
    finalists = [
        Mark(
            f"trial {finalist.trial}",
            finalist.test["accuracy"].mean,
            finalist.test["sample_entropy"].mean,
            reference=False,
        )
        for finalist in summary.finalists
    ]
    references = [
        Mark(name, 1 - reference["error"][0], reference["sample_entropy"][0], reference=True)
        for name, reference in summary.references.items()
        if reference.keys() >= {"error", "sample_entropy"}
    ]
    return finalists + references


def trial_points(optuna_study: optuna.Study) -> list[TrialPoint]:
    """By trial number."""
    return [_point(trial) for trial in optuna_study.get_trials(deepcopy=False, states=COUNTED)]


def ranked(points: Iterable[TrialPoint], direction: str) -> list[TrialPoint]:
    """The best first by the first objective, then pruned trials by number."""
    sign = -1 if direction == "maximize" else 1

    def rank(point: TrialPoint) -> tuple[float, ...]:
        return (1, point.trial) if point.value is None else (0, sign * point.value, point.trial)

    return sorted(points, key=rank)


def complete(points: Iterable[TrialPoint]) -> list[TrialPoint]:
    """Those that were trained to their end."""
    return [point for point in points if point.value is not None]


def front(points: Iterable[_P]) -> list[_P]:
    """Those that none beats in both accuracy and sample entropy, by sample entropy."""
    best: list[_P] = []
    for point in sorted(points, key=lambda p: (p.sample_entropy, -p.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def trials_dataframe(study: Study, optuna_study: optuna.Study) -> "DataFrame":
    """Every trial in a row, by its number."""
    from pandas import DataFrame, Index

    trials = optuna_study.get_trials(deepcopy=False)
    names = study.objective.mlflow_names
    rows = []
    for trial in trials:
        record = TrialRecord.of(trial)
        values = trial.values if trial.state == TrialState.COMPLETE else [math.nan] * len(names)
        rows.append(
            {
                "state": trial.state.name.lower(),
                **record.metrics,
                **dict(zip(names, values, strict=True)),
                **trial.params,
                "seconds": record.seconds,
                "reason": record.reason,
                "model": record.model,
                "run_id": record.run_id,
            }
        )
    columns = [
        *("state", *names, *METRICS),
        *(parameter.path for parameter in study.parameters),
        *("seconds", "reason", "model", "run_id"),
    ]
    numbers = Index([trial.number for trial in trials], name="trial")
    return DataFrame(rows, index=numbers, columns=columns)


def _point(trial: FrozenTrial) -> TrialPoint:
    record = TrialRecord.of(trial)
    return TrialPoint(
        trial=trial.number,
        name=record.name,
        value=trial.values[0] if trial.state == TrialState.COMPLETE else None,
        metrics=record.metrics,
        parameters=trial.params,
        seconds=record.seconds,
        run_id=record.run_id,
    )
