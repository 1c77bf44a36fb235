"""What a running study tells whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Started:
    """The search begins or goes on."""

    study: str
    wanted: int
    counted: int
    best: float | None
    workers: int
    population: int


@dataclass(frozen=True)
class TrialEnded:
    """A trial is complete, pruned or failed, and stands so in both stores.

    Attributes:
        counted: complete and pruned trials of the study, this one included.
        values: the objective; empty where there is none.
        best: the best value so far; None for several objectives or before the first.
    """

    number: int
    state: str
    text: str
    values: tuple[float, ...]
    counted: int
    failures: int
    best: float | None


@dataclass(frozen=True)
class FinalistsStarted:
    """The best configurations are trained again."""

    wanted: int


@dataclass(frozen=True)
class FinalistEnded:
    """One finalist with one seed is trained and tested."""

    trial: int
    seed: int
    text: str


@dataclass(frozen=True)
class Note:
    """Something a person should know, once."""

    text: str


Event = Started | TrialEnded | FinalistsStarted | FinalistEnded | Note
Listener = Callable[[Event], None]
