"""Every trial of a study as a point in its charts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from moe_search.report.results.summary import Summary
from moe_search.search.study_store import COUNTED
from moe_search.spec import Configuration
from moe_search.tracking.naming import short_name


@dataclass(frozen=True)
class Point:
    """A trial that was trained, to its end or until it was pruned.

    Attributes:
        name: of its network, in a few words.
        value: the first objective; None of a pruned trial.
        accuracy, sample_entropy: on validation, the latter in bits.
        run_id: in MLflow.
    """

    trial: int
    name: str
    value: float | None
    accuracy: float
    sample_entropy: float
    run_id: str


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


class Placed(Protocol):
    """What has a place in the plane of accuracy and sample entropy."""

    @property
    def accuracy(self) -> float: ...
    @property
    def sample_entropy(self) -> float: ...


_P = TypeVar("_P", bound=Placed)


def marks(summary: Summary) -> list[Mark]:
    """The finalists, then the references that tell both numbers."""
    finalists = [
        Mark(
            f"trial {one.trial}",
            one.test["accuracy"].mean,
            one.test["sample_entropy"].mean,
            reference=False,
        )
        for one in summary.finalists
    ]
    references = [
        Mark(name, 1 - given["error"][0], given["sample_entropy"][0], reference=True)
        for name, given in summary.references.items()
        if given.keys() >= {"error", "sample_entropy"}
    ]
    return finalists + references


def points(kept: optuna.Study) -> list[Point]:
    """By trial number."""
    return [_point(trial) for trial in kept.get_trials(deepcopy=False, states=COUNTED)]


def complete(every: Iterable[Point]) -> list[Point]:
    """Those that were trained to their end."""
    return [point for point in every if point.value is not None]


def front(every: Iterable[_P]) -> list[_P]:
    """Those that none beats in both accuracy and sample entropy, by sample entropy."""
    found: list[_P] = []
    for one in sorted(every, key=lambda p: (p.sample_entropy, -p.accuracy)):
        if not found or one.accuracy > found[-1].accuracy:
            found.append(one)
    return found


def _point(trial: FrozenTrial) -> Point:
    known = trial.user_attrs
    return Point(
        trial=trial.number,
        name=short_name(Configuration.model_validate_json(known["configuration"])),
        value=trial.values[0] if trial.state == TrialState.COMPLETE else None,
        accuracy=known["accuracy"],
        sample_entropy=known["sample_entropy"],
        run_id=known["mlflow_run"],
    )
