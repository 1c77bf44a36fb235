"""What a running study tells whoever watches it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from moe_search.progress import Note, Working


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
class EpochEnded:
    """A model has trained for one more epoch: a trial, or the finalist that a trial found.

    Attributes:
        epoch, epochs: how many it has trained for, of how many.
    """

    trial: int
    seed: int
    epoch: int
    epochs: int
    text: str


@dataclass(frozen=True)
class TrialEnded:
    """A trial is complete, pruned or failed, and stands so in both stores.

    Attributes:
        counted: complete and pruned trials of the study, this one included.
        values: the objective by name; empty where there is none.
        best: the best value so far; None for several objectives or before the first.
    """

    number: int
    state: str
    text: str
    values: Mapping[str, float]
    counted: int
    failures: int
    best: float | None


@dataclass(frozen=True)
class FinalistsStarted:
    """The best configurations are trained again.

    Attributes:
        on_all: whether it is the champion's, on training and validation data.
    """

    wanted: int
    on_all: bool = False


@dataclass(frozen=True)
class FinalistEnded:
    """One finalist with one seed is trained and tested."""

    trial: int
    seed: int
    text: str
    on_all: bool = False


Event = Started | EpochEnded | TrialEnded | FinalistsStarted | FinalistEnded | Note | Working
Listener = Callable[[Event], None]
